"""The paths of the page, and who may open them."""

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from loopcast.service.pages.login import Login
from loopcast.service.pages.overview import Overview
from loopcast.service.pages.paper import PageGate, Paper, see_other
from loopcast.service.pages.questions import QuestionPages
from loopcast.service.pages.retrains import RetrainPages
from loopcast.service.pages.series import SeriesPages
from loopcast.service.pages.sessions import Sessions
from loopcast.service.pages.versions import VersionPages
from loopcast.service.pages.watch import Watch
from loopcast.service.problem import Problem
from loopcast.service.routes import Models

if TYPE_CHECKING:
    from loopcast.service.app import Parts


def page_routes(parts: "Parts", models: Models) -> list[Route]:
    """All under /ui, and / that leads there."""
    sessions = Sessions(parts.keys, open_=parts.settings.local)
    paper = Paper(parts.settings.model, sessions)
    gate, anybody = PageGate(paper), PageGate(paper, anybody=True)
    route, login = parts.door.route, Login(paper)
    series = SeriesPages(parts, paper)
    asked = QuestionPages(parts, paper, series)
    retrains = RetrainPages(parts, paper)
    versions, watch = VersionPages(parts, paper, models), Watch(parts, paper)
    return [
        route("/", _home, free=True),
        route("/ui/static/{name}", login.static, gate=anybody),
        route("/ui/login", login.ask, gate=anybody),
        route("/ui/login", login.enter, method="POST", gate=anybody),
        route("/ui/logout", login.leave, method="POST", gate=anybody),
        route("/ui", Overview(parts, paper, retrains).show, gate=gate),
        route("/ui/series", series.index, gate=gate),
        route("/ui/series/{number}", series.show, gate=gate),
        route("/ui/accuracy", watch.accuracy, gate=gate),
        route("/ui/drift", watch.drift, gate=gate),
        route("/ui/versions", versions.index, gate=gate),
        route("/ui/versions/{version}/promote", versions.ask_promotion, "admin", gate=gate),
        route(
            "/ui/versions/{version}/promote", versions.promote, "admin", method="POST", gate=gate
        ),
        route("/ui/rollback", versions.ask_rollback, "admin", gate=gate),
        route("/ui/rollback", versions.rollback, "admin", method="POST", gate=gate),
        route("/ui/retrains", retrains.index, gate=gate),
        route("/ui/reviews", asked.index, gate=gate),
        route("/ui/reviews/{id}", asked.show, "review", gate=gate),
        route("/ui/reviews/{id}/answer", asked.answer, "review", method="POST", gate=gate),
        route("/ui/reviews/{id}/show", asked.reveal, "review", method="POST", gate=gate),
        route("/ui/{rest:path}", _nothing, gate=gate),
    ]


async def _home(request: Request) -> Response:
    return see_other("/ui")


async def _nothing(request: Request) -> Response:
    raise Problem(404, "There is no such page.")
