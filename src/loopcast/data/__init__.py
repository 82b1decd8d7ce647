"""FIRST floor, pandas: reads tables from files and databases, checks and splits them; never regrids."""
