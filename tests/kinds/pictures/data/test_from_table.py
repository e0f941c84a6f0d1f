"""A table with a column of paths of pictures becomes a case about them."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from invented import csv_file, rows, said
from PIL import Image

from flows.new_command import new
from tasks.config.loading import load_case
from tasks.drafting.form import form_of
from tasks.errors import RequestError
from tasks.kinds.pictures.data.pictures import read_picture
from tasks.kinds.pictures.data.reading import read_part
from tasks.kinds.pictures.from_table import folder_of_table
from tasks.kinds.pictures.layout import find_parts


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Thirty questions about ten pictures, of which one is not there and one lies elsewhere."""
    home = tmp_path / "shop"
    (home / "img").mkdir(parents=True)
    for n in range(8):
        Image.new("RGB", (16, 16), (20 * n, 99, 10)).save(home / "img" / f"p{n}.png")
    Image.new("RGB", (16, 16)).save(tmp_path / "secret.png")
    names = [*(f"img/p{n}.png" for n in range(8)), "img/gone.png", "../secret.png"]
    made = rows(30, photo=lambda n: names[n % 10], question=said, answer=lambda n: str(n % 4))
    csv_file(home / "shop.csv", made)
    monkeypatch.chdir(tmp_path)
    return home / "shop.csv"


def test_a_column_of_pictures_with_questions_becomes_a_case(shop: Path) -> None:
    done = CliRunner().invoke(new, [str(shop)], catch_exceptions=False)
    assert "photo names pictures, question asks about them, answer is the answer" in done.output
    assert "8 pictures of 24 questions" in done.output
    assert "3 where the path leads out of the file's folder" in done.output
    assert "3 where there is no such picture" in done.output
    config = load_case("shop.yaml")
    assert config.task == "vqa"
    (part,) = find_parts(Path("shop_pictures"))
    table, _ = read_part(part)
    assert table.num_rows == 24
    for row, colour in ((0, 0), (1, 20)):
        picture = read_picture(part.image_path(table["image_id"][row].as_py()))
        assert picture.image.getpixel((3, 3)) == (colour, 99, 10)
    assert table["answer"][1].as_py() == "1"


def test_force_makes_the_pictures_anew_and_takes_no_other_folder_away(shop: Path) -> None:
    for command in ([str(shop)], [str(shop), "--force"]):
        CliRunner().invoke(new, command, catch_exceptions=False)
        assert len(list(Path("shop_pictures/all").iterdir())) == 8
        Path("shop_pictures/all/stray.png").touch()
    assert [path.name for path in Path.cwd().glob(".shop*")] == []
    (Path("shop_pictures") / find_parts(Path("shop_pictures"))[0].questions.name).unlink()
    with pytest.raises(RequestError, match="shop_pictures is there already"):
        CliRunner().invoke(new, [str(shop), "--force"], catch_exceptions=False)
    assert Path("shop_pictures/all/stray.png").exists()


def test_a_table_without_a_picture_in_reach_leaves_nothing(tmp_path: Path) -> None:
    made = rows(30, photo=lambda n: f"no/{n}.jpg", question=said, answer=lambda n: str(n % 4))
    form = form_of(csv_file(tmp_path / "lost.csv", made))
    with pytest.raises(RequestError, match="30 where there is no such picture"):
        folder_of_table(form, "photo", tmp_path / "lost_pictures")
    assert [path.name for path in tmp_path.iterdir()] == ["lost.csv"]


def test_which_columns_ask_and_answer_has_to_be_clear(tmp_path: Path) -> None:
    made = rows(30, photo=lambda n: f"{n}.jpg", a=said, b=said, c=said)
    form = form_of(csv_file(tmp_path / "unclear.csv", made))
    with pytest.raises(RequestError, match="call two of them question and answer"):
        folder_of_table(form, "photo", tmp_path / "unclear_pictures")
