"""The front door: python train.py fit --config configs/x.yaml."""

from loopcast.__main__ import train

if __name__ == "__main__":
    train()
