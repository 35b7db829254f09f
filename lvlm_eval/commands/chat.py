"""`lvlm-eval chat`: a conversation with a model about pictures, its answers as they come.

On a terminal there is a prompt, and Ctrl-C stops an answer; under a launcher, which takes Ctrl-C
as its own end, it ends the chat. Otherwise questions are read line by
line, and nothing but answers goes to stdout.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from lvlm_eval.abilities import Baseline, Sharded, Streams
from lvlm_eval.commands.launched import Launch, start_here, take_place, together
from lvlm_eval.commands.output import printable
from lvlm_eval.conversation import Conversation, answer
from lvlm_eval.errors import EvalError, TooFewAnswers, UsageError
from lvlm_eval.images import open_rgb
from lvlm_eval.model_spec import load_model, parse_model
from lvlm_eval.placement import Place, Rank
from lvlm_eval.schema import JSON, Decoding, Image, Model, Request, Response

HELP = """\
/image FILE    show a further picture with the next question
/reset         forget what was said, keep the pictures
/reset FILE    start anew about this picture
/system TEXT   replace the system prompt; without TEXT the model's own
/help          this
/quit          end, as Ctrl-D does; Ctrl-C stops an answer
A question that begins with / needs a blank before it."""


@dataclass(frozen=True, slots=True)
class ChatArguments:
    """The arguments of `lvlm-eval chat` as typed. options: for the adapter, e.g. dtype."""

    model: str
    images: tuple[Path, ...]
    system: str
    max_new_tokens: int
    temperature: float
    top_p: float
    seed: int
    options: Mapping[str, str]
    plugins: tuple[Path, ...]


def chat(arguments: ChatArguments, launch: Launch, *, as_json: bool) -> None:
    """Talk until the input ends; UsageError without input, TooFewAnswers if lines went wrong.

    Of a launcher's processes the first talks; with --parallel tp=N the others compute along.
    """
    rank, placement = launch.rank, launch.placement(0)
    if placement.dp > 1:
        raise UsageError(f"a chat is with one model: --parallel tp=N, not dp={placement.dp}")
    if placement.tp > 1 and rank is not None:
        _talk_together(arguments, launch, rank, as_json=as_json)
    elif placement.tp > 1:
        ended = start_here(launch, placement)
        raise typer.Exit(abs(ended.code) if ended else 0)
    elif rank is None or rank.rank == 0:
        _talk(arguments, None, launched=rank is not None, as_json=as_json)


def _talk_together(arguments: ChatArguments, launch: Launch, rank: Rank, *, as_json: bool) -> None:
    with together(launch, rank) as team:
        place = take_place(launch, team, {arguments.options.get("device", "auto")})
        if place.placement.dp > 1:
            started, tp = rank.world_size, place.placement.tp
            raise UsageError(f"a chat is with one model: start {tp} processes, not {started}")
        if place.leads:
            _talk(arguments, place, launched=True, as_json=as_json)
            return
        model = _open(arguments, place)
        assert isinstance(model, Sharded)  # or _open would have refused
        model.follow()


def _talk(arguments: ChatArguments, place: Place | None, *, launched: bool, as_json: bool) -> None:
    """launched: by torchrun or deepspeed."""
    if sys.stdin is None:
        raise UsageError("standard input is closed: there is nobody to talk to")
    session = _Session(
        model=_open(arguments, place),
        decoding=_decoding(arguments),
        conversation=Conversation(
            waiting=tuple(map(_picture, arguments.images)), system=arguments.system
        ),
        as_json=as_json,
        terminal=sys.stdin.isatty() and sys.stdout.isatty() and not as_json,
        launched=launched,
    )
    session.prepare()
    lines = _typed(launched) if session.terminal else _piped()
    for line in lines:
        if not session.take(line):
            break
    if isinstance(session.model, Sharded) and place is not None:
        session.model.release()
    if not session.taken and not session.terminal:
        raise UsageError("standard input is empty: no question was asked")
    if session.wrong and not session.terminal:
        raise TooFewAnswers(f"{session.wrong} of {session.taken} lines went wrong, as said above")


@dataclass
class _Session:
    """The conversation as it goes. taken: lines so far, of which `wrong` went wrong."""

    model: Model
    decoding: Decoding
    conversation: Conversation
    as_json: bool
    terminal: bool
    launched: bool
    taken: int = 0
    wrong: int = 0

    def prepare(self) -> None:
        """Load the model before the first question, so that what is missing shows at once."""
        if isinstance(self.model, Streams | Sharded):
            self._note(f"loading {self.model.name} ...")
            self.model.prepare()
        self._note("/help shows the commands, Ctrl-D ends")

    def take(self, line: str) -> bool:
        """Do what a line says; whether to go on. What goes wrong is said in one line."""
        if not line.strip():
            return True
        self.taken += 1
        try:
            if line.startswith("/"):
                return self._command(line)
            self._ask(_text(line))
        except EvalError as error:
            self.wrong += 1
            typer.echo(f"{type(error).__name__}: {' '.join(str(error).split())}", err=True)
        return True

    def _command(self, line: str) -> bool:
        name, _, rest = line.strip().partition(" ")
        if name == "/quit":
            return False
        commands: Mapping[str, Callable[[str], None]] = {
            "/image": self._image,
            "/reset": self._reset,
            "/system": self._system,
            "/help": lambda _: typer.echo(HELP, err=True),
        }
        if name not in commands:
            known = ", ".join((*commands, "/quit"))
            raise UsageError(f"no command {name}; there are {known}")
        commands[name](rest.strip())
        return True

    def _image(self, file: str) -> None:
        if not file:
            raise UsageError("/image needs a FILE")
        self.conversation = self.conversation.showing(_picture(_path(file)))
        self._note(f"the next question shows {file}")

    def _reset(self, file: str) -> None:
        if file:
            shown = Conversation(system=self.conversation.system).showing(_picture(_path(file)))
            self.conversation = shown
        else:
            self.conversation = self.conversation.anew()
        self._note(f"a new conversation, with {len(self.conversation.waiting)} picture(s)")

    def _system(self, text: str) -> None:
        self.conversation = replace(self.conversation, system=_text(text))

    def _ask(self, question: str) -> None:
        request = self.conversation.asking(question)
        start = time.perf_counter()
        said, response = self._listen(request)
        if self.as_json and response is not None:
            seconds = time.perf_counter() - start
            typer.echo(json.dumps(_as_json(question, response, seconds), ensure_ascii=False))
        elif said or response is None or response.finish != "error":
            typer.echo()
        if response is None:
            self._note("(stopped)")
        elif response.finish == "error":
            raise TooFewAnswers(f"no answer: {response.error}")
        elif response.finish == "length":
            self._note(f"(cut after {response.new_tokens} tokens, see --max-new-tokens)")
        if response is not None or said:
            self.conversation = self.conversation.answered(request, said)

    def _listen(self, request: Request) -> tuple[str, Response | None]:
        """What was said, shown as it came, and the Response; None where Ctrl-C stopped it."""
        pieces, said = answer(self.model, request, self.decoding), ""
        try:
            while True:
                piece = next(pieces)
                said += piece
                if not self.as_json:
                    typer.echo(printable(piece) if self.terminal else piece, nl=False)
        except StopIteration as end:
            response: Response = end.value
            return said, response
        except KeyboardInterrupt:
            if self.launched or not self.terminal:
                raise
            return said, None

    def _note(self, text: str) -> None:
        if self.terminal:
            typer.echo(text, err=True)


def _typed(launched: bool) -> Iterator[str]:
    """Lines of a terminal, with editing and history; Ctrl-C drops a line, Ctrl-D ends."""
    import readline  # noqa: F401  # input() uses it once it is there

    while True:
        try:
            line = input("> ")
        except EOFError:
            typer.echo()
            return
        except KeyboardInterrupt:
            if launched:
                raise
            typer.echo("\n/quit or Ctrl-D ends the chat", err=True)
            continue
        yield line


def _piped() -> Iterator[str]:
    """Lines of standard input, UTF-8; bytes that are not are kept as lone surrogates."""
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "surrogateescape")


def _text(line: str) -> str:
    """What was typed, without blanks around it; UsageError where it was not UTF-8."""
    try:
        line.encode()
    except UnicodeEncodeError:
        raise UsageError(f"not UTF-8: {line.strip()!a}") from None
    return line.strip()


def _path(text: str) -> Path:
    """A file as typed, or as a terminal pastes it: in quotes, from ~ on."""
    return Path(text.strip("'\"")).expanduser()


def _picture(file: Path) -> Image:
    """The picture, whatever becomes of its file later; ImageError if it cannot be read."""
    open_rgb(Image(file))
    return Image(data=file.read_bytes())


def _open(arguments: ChatArguments, place: Place | None) -> Model:
    spec = parse_model(arguments.model, arguments.plugins)
    model = load_model(spec, arguments.options, arguments.plugins, place)
    if isinstance(model, Baseline):
        raise UsageError(f"{spec.name} answers benchmarks only, without looking: it cannot chat")
    return model


def _decoding(arguments: ChatArguments) -> Decoding:
    try:
        return Decoding(
            max_new_tokens=arguments.max_new_tokens,
            temperature=arguments.temperature,
            top_p=arguments.top_p,
            seed=arguments.seed,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def _as_json(question: str, response: Response, seconds: float) -> dict[str, JSON]:
    """A turn for machines; `error` only where there is one."""
    turn: dict[str, JSON] = {
        "question": question,
        "answer": response.text,
        "finish": response.finish,
        "new_tokens": response.new_tokens,
        "seconds": round(seconds, 3),
    }
    return turn | ({"error": response.error} if response.error else {})
