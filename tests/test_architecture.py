"""The house stands: who may import whom, how long files and functions may be, what a bare import loads."""

import ast
import os
import subprocess
import sys
from collections import defaultdict

import pytest

import posekit
from house import FILES, PACKAGE, lines_per_room

# Lower ranks know nothing of higher ones; rooms of one rank may know each other, but not in a circle.
RANKS = (
    {"errors", "version", "log", "files", "schema", "ops"},
    {"sample", "placing", "config", "viz"},
    {"results"},
    {"data", "augment", "models", "checkpoint", "metrics", "io"},
    {"engine", "export", "track"},
    {"api", "rfdetr", "tasks", "worker"},
    {"cli", "__main__"},
)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
MAX_FILE_LINES, MAX_FUNCTION_LINES = 700, 100
SMALL_FILE_LINES = 120
# The rooms for exported files and for export came to the 230 files and 41,000 lines of the house before them.
MOST_FILES, MOST_LINES = 260, 46_500
# First words that several files of a folder share, because they are parts of one thing of the field, with its name.
SHARED_WORDS: dict[str, str] = {
    "engine/training_*": "what is made ready before the loop of trainer.py",
    "engine/validation_*": "what is made ready for, and written by, the loop of validator.py",
}


def room_of(path):
    return room_of_parts(path.relative_to(PACKAGE).with_suffix("").parts)


def room_of_parts(parts):
    return parts[0]


def rank_of(room):
    return next(rank for rank, rooms in enumerate(RANKS) if room in rooms)


def imports_of(path):
    """Yield (module, whether it is imported whenever the file is) for every import of posekit in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    typing = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)]
    inside = {id(node) for scope in functions for node in ast.walk(scope)}
    never = {id(node) for scope in typing for node in ast.walk(scope)}  # what only type checkers see binds nothing
    for node in ast.walk(tree):
        if id(node) in never:
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
            if node.module == "posekit":
                names = [f"posekit.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from ((name, id(node) not in inside) for name in names if name.startswith("posekit."))


def room_edges():
    for path in FILES:
        if path.name == "__init__.py" and path.parent == PACKAGE:
            continue  # public names, imported lazily
        for module, _ in imports_of(path):
            target = room_of_parts(module.split(".")[1:])
            if target != room_of(path):
                yield path, room_of(path), target


def test_every_room_has_a_rank():
    rooms = {room_of(path) for path in FILES} - {"__init__"}
    assert rooms <= set().union(*RANKS)


def test_imports_never_point_upwards():
    for path, room, target in room_edges():
        assert rank_of(target) <= rank_of(room), f"{path} imports {target}, which stands above {room}"


def test_rooms_do_not_import_in_a_circle():
    edges = defaultdict(set)
    for _, room, target in room_edges():
        edges[room].add(target)
    assert_no_circle(edges)


def test_files_do_not_import_in_a_circle():
    edges = defaultdict(set)
    names = {module_name(path) for path in FILES}
    for path in FILES:
        for module, top in imports_of(path):
            # A package's own file imports its parts; that they name the package to reach each other is no circle.
            if top and module in names and path.name != "__init__.py":
                edges[module_name(path)].add(module)
    assert_no_circle(edges)


def module_name(path):
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def assert_no_circle(edges):
    done, path = set(), []

    def visit(node):
        assert node not in path, f"circle: {' -> '.join([*path[path.index(node) :], node])}"
        if node in done:
            return
        path.append(node)
        for target in edges.get(node, ()):
            visit(target)
        path.pop()
        done.add(node)

    for node in list(edges):
        visit(node)


def test_no_file_and_no_function_grows_too_long():
    too_long = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        if (lines := text.count("\n")) > MAX_FILE_LINES:
            too_long.append(f"{path.relative_to(PACKAGE)}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, FUNCTIONS):
                documented = ast.get_docstring(node, clean=False) or ""
                length = node.end_lineno - node.lineno + 1 - documented.count("\n")
                if length > MAX_FUNCTION_LINES:
                    too_long.append(f"{path.relative_to(PACKAGE)}: {node.name}, {length} lines")
    assert too_long == []


def importers():
    """Return the modules that import each module of posekit, wherever in a file they do."""
    names = {module_name(path) for path in FILES}
    found = defaultdict(set)
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("posekit"):
                for alias in node.names:
                    part = f"{node.module}.{alias.name}"
                    found[part if part in names else node.module].add(module_name(path))
    return found


def test_a_small_file_with_one_user_lies_in_its_users_file():
    users = importers()
    crumbs = [
        f"{path.relative_to(PACKAGE)}: {lines} lines, used by {next(iter(users[module_name(path)]))}"
        for path in FILES
        if path.name != "__init__.py" and (lines := path.read_text(encoding="utf-8").count("\n")) < SMALL_FILE_LINES
        if len(users[module_name(path)]) == 1
    ]
    assert crumbs == []


def test_siblings_with_one_prefix_are_one_file_or_a_folder():
    groups = defaultdict(set)
    for path in FILES:
        if "_" in path.stem and not path.stem.startswith("_"):
            groups[path.parent.relative_to(PACKAGE), path.stem.split("_")[0]].add(path.name)
    crowded = {f"{folder}/{prefix}_*": sorted(names) for (folder, prefix), names in groups.items() if len(names) >= 3}
    assert crowded.keys() <= SHARED_WORDS.keys(), crowded


def test_a_folder_holds_at_least_three_chapters():
    for folder in {path.parent for path in FILES} - {PACKAGE}:
        chapters = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(chapters) >= 3, folder
        assert len(folder.relative_to(PACKAGE).parts) <= 3


def test_the_house_stays_small():
    """A change that needs more room says what it replaces, or why no library serves, and raises the number here."""
    files, lines = (sum(column) for column in zip(*lines_per_room().values(), strict=True))
    assert files <= MOST_FILES
    assert lines <= MOST_LINES


def run(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_a_bare_import_loads_nothing_heavy():
    heavy = ["torch", "numpy", "cv2", "PIL", "supervision", "hotcoco", "matplotlib", "scipy", "yaml", "rich"]
    loaded = run(f"import posekit, sys; print(*(name for name in {heavy} if name in sys.modules))")
    assert loaded.split() == []


def loaded_by(code):
    return set(run(f"import sys; {code}; print(*sys.modules)").split())


def test_importing_yolo_loads_neither_what_trains_nor_what_draws():
    loaded = loaded_by("from posekit import YOLO")
    assert not {name for name in loaded if name.split(".")[0] in ("cv2", "scipy", "matplotlib", "supervision", "rich")}
    rooms = {name.split(".")[1] for name in loaded if name.startswith("posekit.")}
    assert not rooms & {"augment", "data", "io", "metrics", "models", "tasks", "viz"}


def test_opening_a_checkpoint_does_not_load_what_compiles_networks(weights):
    loaded = loaded_by(f"from posekit import YOLO; YOLO({str(weights())!r})")
    assert not loaded & {"sympy", "scipy", "torch._dynamo", "matplotlib"}
    assert not {name for name in loaded if name.startswith(("posekit.data", "posekit.engine.trainer", "posekit.viz"))}


def test_public_names_are_there_and_listed():
    for name in posekit.__all__:
        assert getattr(posekit, name) is not None
    assert set(posekit.__all__) == set(dir(posekit))
    with pytest.raises(AttributeError, match="has no attribute 'YOLLO'"):
        _ = posekit.YOLLO


def test_running_the_package_is_running_the_command():
    environment = os.environ | {"PYTHONWARNINGS": "error"}
    answer = subprocess.run(
        [sys.executable, "-m", "posekit", "version"], check=True, capture_output=True, text=True, env=environment
    )
    assert answer.stdout.strip() == posekit.__version__
