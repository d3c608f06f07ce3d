"""A Folium page on which a plan is edited: choose buildings, see the zones that they would join, take back."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import folium
from branca.element import Figure
from folium.template import Template

from gridmap.maps.assets import PLAN_PAGE
from gridmap.maps.elements import CityMap, DataBlock, OwnAssets
from gridmap.maps.words import check_language
from layers.errors import WrongCall

__all__ = ["PlanEditor", "draw_editor", "plan_words"]


@lru_cache(maxsize=1)
def plan_words() -> dict[str, dict[str, str]]:
    """Words of the editor: key -> {language: text}."""
    text = Path(__file__).with_name("plan_words.json").read_text(encoding="utf-8")
    return {key: {"zh": zh, "en": en} for key, (zh, en) in json.loads(text).items()}


class PlanEditor(OwnAssets):
    """The editor of a plan on a `CityMap`; all it knows of the plan it asks from `config["address"]`."""

    asset_names = PLAN_PAGE
    _template = Template(
        """
        {% macro html(this, kwargs) %}<div class="gm-app gm-plan" id="{{ this.element_id }}"></div>{% endmacro %}
        {% macro script(this, kwargs) %}
            gridmap.startPlan({{ this._parent.get_name() }}, {{ this.element_id|tojson }});
        {% endmacro %}
        """
    )

    def __init__(self, config: dict[str, Any], *, where: str, name: str) -> None:
        super().__init__()
        self._name = "PlanEditor"
        self.element_id, self.config, self.where = f"gridmap-{name}", config, where

    def render(self, **kwargs: Any) -> None:  # type: ignore[override]  # as Folium's own
        """Render into the figure: what the editor must know as a data block, its start into the script."""
        figure = self.get_root()
        assert isinstance(figure, Figure), "a map is rendered in its figure"
        text = json.dumps(self.config, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        block = DataBlock(f"{self.element_id}-config", text)
        figure.html.add_child(block, name=block.element_id)
        super().render(**kwargs)


def draw_editor(
    address: str, *, lang: str = "zh", title: str = "", assets: str = "/assets/", attribution: str = "",
    done: str = "/", may_adopt: bool = True, four_eyes: bool = False,
) -> folium.Map:  # fmt: skip
    """The page of one draft.

    Parameters
    ----------
    address
        Below which the draft answers: `ground.json`, `targets`, `moves`, `undo`, `redo`, `lock`, `unlock`, `list.json`,
        `propose`, `take-back`, `adopt`; it ends in "/".
    lang, title, attribution
        As for `gridmap.draw`.
    assets
        Address below which the files of `install_assets` are served.
    done
        Where the editor goes when it is closed.
    may_adopt
        Whether the page offers to put the plan in force.
    four_eyes
        Whether only somebody else than who proposed it does so.

    Returns
    -------
    A `folium.Map` for `page_parts`.

    Raises
    ------
    WrongCall
        Where an address does not end in "/", or the language is none.

    Examples
    --------
    >>> page = draw_editor("/plan/drafts/1f/", title="龙南社区").get_root().render()
    >>> "https://cdn" in page, "gridmap.startPlan(" in page
    (False, True)
    """
    check_language(lang)
    for what, where in (("address", address), ("assets", assets)):
        if not where.endswith("/"):
            raise WrongCall(f"the {what} of an editor ends in '/', not {where!r}")
    config = {
        "address": address, "lang": lang, "title": title, "attribution": attribution, "done": done,
        "mayAdopt": may_adopt, "fourEyes": four_eyes, "words": plan_words(),
    }
    name = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]
    folium_map = CityMap(where=assets, name=name, location=(0.0, 0.0), zoom_start=3, min_zoom=3, max_zoom=20)
    PlanEditor(config, where=assets, name=name).add_to(folium_map)
    return folium_map
