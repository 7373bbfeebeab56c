"""What users read: the README, and the pages of the guide."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = ROOT / "config" / "guide"
PAGES = [ROOT / "README.md", ROOT / "config" / "README.md", *sorted(GUIDE.glob("*.md"))]


def page(name: str) -> str:
    """Return a page of the guide."""
    return (GUIDE / f"{name}.md").read_text(encoding="utf-8")
