#!/usr/bin/env python3
"""Checks that what the documents name exists: paths, symbols, commands and flags.

check_docs.py [--root TREE] [--hone PROGRAM]: prints FILE:LINE for each name that does not exist, and exits with 1 if
there is one. It reads the links and the code (in backticks, or in fenced blocks) of README.md, docs/*.md and
examples/*/README.md, and the paths and variables in comments of src/.

PROGRAM says which flags there are (`hone completion bash`). Without --hone it is that of build/release, if no file that
names flags is newer. Where there is no such program, a flag counts if src/ has its name in quotes.

What is only planned may be named: in a section whose heading says "planned", in a table row with a cell that begins
with "planned", and in a part of a line (up to a full stop, a semicolon or a cell's end) that says "planned".
"""

import argparse
import fnmatch
import pathlib
import re
import subprocess
import sys

DOCUMENTS = ("README.md", "docs/*.md", "examples/*/README.md")

# Paths that are no files of the tree.
OTHER_PATHS = (
    "build/*", "out/*",                               # made by ./dev and by the commands shown
    "~/*", "$*", "/proc/*", "/dev/null", "/etc/*", "/var/lib/*",  # the user's and the system's
    "HONE_CACHE/*", "org/repo",                       # places in the cache and on the Hub
    "adapter/*", "checkpoints/*", "model/", "logs/",  # in a run's output folder (docs/formats.md)
    "additional_chat_templates/*", "1_Pooling/*",     # in a model's folder
    "data/*",                                         # a user's data, as an example
    # In a platform's data folder (docs/platform.md).
    "blobs/*", "incoming/", "models/*", "jobs/*", "planning/*", "merging/*",
    "src/model/arch/gemma_two.cc",                    # an example: docs/adding_a_model.md
    "/openapi.json", "/api/*",                        # routes of the server
)
# Words of others, and examples.
OTHER_WORDS = {
    "train_gpt2",               # llm.c's
    "CPUQuota",                 # systemd's
    "TrainingArguments",        # transformers'
    "prefetchw", "vdpbf16ps", "vpmaddubsw",                                  # instructions
    "ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS",  # oneDNN's, PyTorch's, MKL's
    "corpus_bleu", "corpus_chrf",                                            # sacrebleu's
    "snake_case",               # says what it is
    "kArchGemmaTwo",            # see OTHER_PATHS
}
# Flags of other programs that are named without their command line.
OTHER_FLAGS = set()
# Programs whose command lines are not hone's to check.
OTHER_PROGRAMS = {"cmake", "cpack", "ctest", "docker", "git", "install", "journalctl", "kill", "nohup", "objdump",
                  "olive", "perf", "pip", "pip3", "systemctl", "taskset", "timeout", "ulimit"}

FENCE = re.compile(r"^\s*```\s*(\w*)")
SPAN = re.compile(r"(`+)(.+?)\1")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FLAG = re.compile(r"(?<![\w/-])--([A-Za-z][\w-]*)")
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,}")
FILE_NAME = re.compile(r"[\w*.-]*\w\.(?:h|cc|inc|py|md|cmake|rs|toml|txt|json|jsonl|jinja|svg|html|safetensors|gguf)")
COMMENT_PATH = re.compile(r"(?<![\w/.<>~$-])((?:[\w-]+/)+[\w-]+\.(?:h|cc|py|md|cmake|rs|txt|json|toml|svg))\b")
VARIABLE = re.compile(r"\bHONE_[A-Z_]+\b")


class Tree:
    """What there is to be named."""

    def __init__(self, root, names, flags):
        self.files = set(names)
        self.folders = {str(parent) for name in names for parent in pathlib.PurePosixPath(name).parents}
        self.base_names = {pathlib.PurePosixPath(name).name for name in names}
        self.flags = flags  # {command: its flags}, with "" for hone itself; None: there is no program to ask
        self.words, self.quoted, self.quoted_files, self.chat_commands = set(), set(), set(), set()
        self.scripts = {}
        for name in names:
            path = root / name
            if path.is_symlink() or not path.is_file() or name.endswith(".md") or "/corpus/" in name:
                continue
            if "check_docs" in name:
                continue  # whose lists and examples are not what documents may name
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
            if name.endswith((".h", ".cc", ".inc")):
                text = re.sub(r"(?<!:)//.*", "", text)  # what only a comment names need not exist
            self.words.update(WORD.findall(text))
            if name.startswith("src/") and not name.endswith("_test.cc"):
                self.quoted.update(re.findall(r"[\",](?:--)?([A-Za-z][\w-]*)(?=[\",])", text))
            self.quoted_files.update(re.findall(r"[\"/]([\w.-]+\.\w+)\"", text))
            self.chat_commands.update(re.findall(r"\"(/[a-z]+)", text))
            if name == "dev" or name.endswith((".py", ".mjs")):
                self.scripts[name] = text
        self.parts = {word.strip("_") for word in self.words} | {name.partition(".")[0] for name in self.base_names}

    def has_command(self, command):
        return command in self.flags if self.flags is not None else command.split()[-1] in self.quoted

    def has_commands_below(self, command):
        if self.flags is None:
            return not command  # how far commands go is not to be seen
        return any(path.startswith(f"{command} ".lstrip()) and path != command for path in self.flags)

    def is_choice(self, token):
        """"true/false": words with a stroke between them, no path."""
        return "*" not in token and "." not in token and token.split("/")[0] not in self.folders and \
            all(part in self.words for part in token.split("/"))

    def has_path(self, path, folders):
        """A path from the root, from src/ or from one of the folders; `*` stands for any name."""
        for start in ("", "src/", *folders):
            name = resolve(start, path)
            if name in self.files or name in self.folders:
                return True
            if "*" in name and fnmatch.filter(self.files | self.folders, name):
                return True
        return False

    def has_flag(self, flag, command=None):
        if flag in OTHER_FLAGS:
            return True
        if self.flags is None:
            names = self.quoted
        elif command is not None:
            names = self.flags[command]
        else:
            names = set().union(*self.flags.values())
        return flag in names or flag.removeprefix("no_") in names


def resolve(start, path):
    parts = []
    for part in (start + path).split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def anchor(heading):
    """GitHub's name of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def is_path(token):
    return re.fullmatch(r"[\w.~$*-]*(?:/[\w.*-]*)+", token) is not None and re.search(r"\w", token) is not None


def check_command(tree, text):
    """Yields what is wrong with one command line."""
    words = text.split()
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words.pop(0)
    if words and words[0] in ("python3", "python"):
        words.pop(0)
    program = words[0] if words else ""
    flags = [flag for word in words for flag in FLAG.findall(word)]
    if program in OTHER_PROGRAMS or program.startswith("build/"):
        return
    if program == "hone":
        yield from check_hone(tree, words[1:], flags)
        return
    script = program
    if program == "./dev":
        script = "dev"
        if len(words) > 1 and f"\n./dev {words[1]}" not in tree.scripts.get("dev", ""):
            yield f"./dev has no command {words[1]}"
        if words[1:2] == ["bench"]:
            script = "bench/bench.py"  # which gets all that follows
    for flag in flags:
        if script in tree.scripts:
            if f"--{flag}" not in tree.scripts[script]:
                yield f"{script} has no --{flag}"
        elif not tree.has_flag(flag) and not any(
                f'"--{flag}"' in other or f" {flag}: {{ type:" in other for other in tree.scripts.values()):
            yield f"neither hone nor a script here has --{flag}"


def check_hone(tree, words, flags):
    """The commands and flags after `hone`; "a|b" stands for both."""
    paths = [""]
    for word in words:
        names = word.split("|")
        if word.startswith("-") or not all(re.fullmatch("[a-z]+", name) for name in names):
            break
        if not tree.has_commands_below(paths[0]):
            break  # an argument
        paths = [f"{paths[0]} {name}".strip() for name in names]
        unknown = [path for path in paths if not tree.has_command(path)]
        if unknown:
            yield f"hone has no command {unknown[0]}"
            return
    for path in paths:
        for flag in flags:
            if not tree.has_flag(flag, path):
                yield f"hone {path} has no --{flag}"


def check_code(tree, text, folders, language=""):
    """Yields what in a piece of code does not exist. Paths are looked for from the root and in the folders."""
    text = text.replace("\\|", "|")
    if language in ("", "bash", "sh"):
        text = re.sub(r"\s#\s.*", "", text)
        problems = list(check_command(tree, text))
        if problems:
            yield from problems
            return
    text = re.sub(r"https?://\S+|\"[^\"]*\"|'[^']*'", " ", text)
    text = FLAG.sub(" ", text)
    for token in re.split(r"[\s,;()=]+", text):
        token = token.lstrip(":").rstrip(".:")
        # What is to be filled in, as NAME in src/*/NAME_test.cc.
        name = re.sub(r"(?<!\w)[A-Z][A-Z0-9]*(?![A-Za-z0-9])(?!_[A-Z])|\.\.\.", "*", token)
        if is_path(token):
            if not (any(fnmatch.fnmatch(token, known) for known in OTHER_PATHS) or token in tree.chat_commands
                    or tree.has_path(name, folders) or tree.is_choice(name)):
                yield f"there is no {token}"
        elif FILE_NAME.fullmatch(token):
            if not fnmatch.filter(tree.base_names, name) and name not in tree.quoted_files:
                yield f"there is no {token}"
        else:
            for word in WORD.findall(name.replace("*", " ")):
                if word.strip("_") not in tree.parts and word not in OTHER_WORDS | OTHER_PROGRAMS:
                    yield f"nothing in the tree is called {word}"


def says_planned(text):
    return re.search(r"\bplanned\b", text, re.IGNORECASE) is not None


def without_planned(line):
    """The line with those parts made blank that tell of what is planned."""
    if re.search(r"\|\s*planned\b", line, re.IGNORECASE):
        return ""
    masked = SPAN.sub(lambda match: "x" * len(match[0]), line)  # a stop within code ends nothing
    kept, begin = "", 0
    for end in [match.end() for match in re.finditer(r"[|;]|\.(?=\s)", masked)] + [len(line)]:
        kept += " " * (end - begin) if says_planned(masked[begin:end]) else line[begin:end]
        begin = end
    return kept


def check_document(tree, name, text, headings):
    """Yields a message for each name of a document that does not exist."""
    folder = name.rpartition("/")[0] + "/" if "/" in name else ""
    language, section_planned, command, command_line = None, False, "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        problems = []
        fence = FENCE.match(line)
        if fence:
            language = None if language is not None else fence[1] or "text"
            continue
        if language is None and line.startswith("#"):
            section_planned = says_planned(line)
        if section_planned:
            continue
        if language in ("bash", "sh"):
            command, command_line = command + line.rstrip("\\"), command_line or number
            if line.endswith("\\"):
                continue
            problems = list(check_code(tree, command, [folder], language))
            number, command, command_line = command_line, "", 0
        elif language is not None:
            problems = list(check_code(tree, line, [folder], language)) if language != "text" else []
        else:
            line = without_planned(line)
            spans = [code for _, code in SPAN.findall(line)]
            # After a folder of the tree, what is in it is named without it.
            near = [code.rstrip("/") + "/" for code in spans if code.rstrip("/") in tree.folders and "/" in code]
            for code in spans:
                problems += check_code(tree, code, [folder, *near])
            for target in LINK.findall(SPAN.sub("", line)):
                path, _, place = target.partition("#")
                if re.match(r"[a-z]+:", target):
                    continue
                to = resolve(folder, path) if path else name
                if to not in tree.files and to not in tree.folders:
                    problems.append(f"there is no {target}")
                elif place and place not in headings.get(to, ()):
                    problems.append(f"{to} has no heading #{place}")
        for problem in dict.fromkeys(problems):
            yield f"{name}:{number}: {problem}"


def check_comments(tree, name, text):
    """Yields a message for each path or variable that a comment of the code names and that does not exist."""
    for number, line in enumerate(text.split("\n"), start=1):
        comment = line.partition("//")[2]
        if not comment or "://" in line or says_planned(comment):
            continue
        folders = [f"{parent}/" for parent in pathlib.PurePosixPath(name).parents]
        for path in COMMENT_PATH.findall(comment):
            known = any(fnmatch.fnmatch(path, other) for other in OTHER_PATHS)
            if not known and not re.search(r"\b[A-Z]+\b", path) and not tree.has_path(path, folders):
                yield f"{name}:{number}: there is no {path}"
        for variable in VARIABLE.findall(comment):
            if variable not in tree.words:
                yield f"{name}:{number}: nothing in the tree is called {variable}"


def read_flags(program):
    """{command: flags} of a program, out of its completion for bash."""
    script = subprocess.run([program, "completion", "bash"], check=True, capture_output=True, text=True).stdout
    return {command: set(re.findall(r"--([\w-]+)", words))
            for command, words in re.findall(r"^\s*'([a-z -]*)':-\*\) words='([^']*)' ;;$", script, re.MULTILINE)}


def check(root, names, flags):
    tree = Tree(root, names, flags)
    documents = {name: (root / name).read_text(encoding="utf-8") for name in names
                 if any(fnmatch.fnmatch(name, pattern) for pattern in DOCUMENTS)}
    headings = {name: {anchor(line.lstrip("#")) for line in text.split("\n") if line.startswith("#")}
                for name, text in documents.items()}
    problems = []
    for name, text in sorted(documents.items()):
        problems.extend(check_document(tree, name, text, headings))
    for name in sorted(names):
        if name.startswith("src/") and name.endswith((".h", ".cc", ".inc")) and (root / name).is_file():
            problems.extend(check_comments(tree, name, (root / name).read_text(encoding="utf-8")))
    return problems


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=root)
    parser.add_argument("--hone", type=pathlib.Path)
    arguments = parser.parse_args()
    listed = subprocess.run(["git", "-C", arguments.root, "ls-files", "-z", "--cached", "--others",
                             "--exclude-standard"], check=True, capture_output=True, text=True)
    names = [name for name in listed.stdout.split("\0") if name and (arguments.root / name).exists()]
    program = arguments.hone
    if program is None:
        built = arguments.root / "build/release/hone"
        sources = [arguments.root / name for name in names if name.startswith(("src/cli/", "src/train/"))]
        if built.is_file() and all(path.stat().st_mtime <= built.stat().st_mtime for path in sources):
            program = built
    problems = check(arguments.root, names, read_flags(program) if program else None)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
