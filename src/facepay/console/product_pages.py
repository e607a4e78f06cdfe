"""Products: what is sold and for how much, where it is in stock, and files of many at once."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Form, Query, Request, Response

from facepay.catalog.products import Allergen
from facepay.console.api import Refused
from facepay.console.fields import Fields, basis_points, counted, major_units, minor_units, per_cent, several
from facepay.console.pages import Console, console, pages
from facepay.fitting.outfits import Kind
from facepay.kernel.uploads import open_form, read_files
from facepay.settings import SettingsOf

ON_SALE = ("for sale", "off sale")
SOLD_BY = {"piece": "by piece", "weight": "by weight"}
ACTIVITY = {True: "The product is for sale.", False: "The product is off sale; orders and stock keep it."}
SAID_BY_VALUE = {*ACTIVITY.values(), *ON_SALE, *SOLD_BY.values(), *Kind, *Allergen}
COLUMNS = (
    *("sku", "name", "price", "tax_rate_basis_points", "gtin", "category", "sold_by", "prepared"),
    *("allergens", "ingredients", "colour", "age_min", "store_code", "stock"),
)

router = pages("/products")
Reader = Annotated[Console, Depends(console("catalog:read"))]
Writer = Annotated[Console, Depends(console("catalog:read", "catalog:write"))]
Stylist = Annotated[Console, Depends(console("catalog:read", "fitting:write"))]
Typed = Annotated[str, Form(max_length=200)]


@router.get("")
async def see_products(
    console: Reader,
    settings: SettingsOf,
    search: str = "",
    sale: Annotated[Literal["for sale", "off sale", ""], Query()] = "",
    cursor: UUID | None = None,
) -> Response:
    active = {"for sale": True, "off sale": False}.get(sale)
    return console.show(
        "products.html",
        products=await console.api.get("/v1/products", search=search, active=active, cursor=cursor),
        search=search,
        sale=sale,
        currency=settings.currency,
        may_write=console.may("catalog:write"),
        may_see_orders=console.may("orders:read"),
        **FORM,
    )


FORM = {
    "states": ON_SALE,
    "sold_by": SOLD_BY,
    "allergens": list(Allergen),
    "kinds": list(Kind),
    "major_units": major_units,
    "per_cent": per_cent,
}


async def _allergens(request: Request) -> list[str] | None:
    """None is another thing than none of them: then nobody has declared any."""
    form = await request.form()
    return [str(each) for each in form.getlist("allergens")] if form.get("declared") else None


Allergens = Annotated[list[str] | None, Depends(_allergens)]


def _product(typed: dict[str, str], allergens: list[str] | None, currency: str) -> dict[str, Any]:
    return {
        "gtin": typed.get("gtin") or None,
        "name": typed.get("name", ""),
        "category": typed.get("category") or None,
        "price": minor_units(typed.get("price", ""), currency),
        "tax_rate_basis_points": basis_points(typed.get("tax_rate", "")),
        "prepared": "prepared" in typed,
        "allergens": allergens,
        "ingredients": several(typed.get("ingredients", "")),
        "colour": typed.get("colour") or None,
        "age_min": counted(typed.get("age_min", "")),
        "tare_grams": counted(typed.get("tare_grams", "")),
    }


@router.post("")
async def add_product(console: Writer, settings: SettingsOf, typed: Fields, allergens: Allergens) -> Response:
    beside = {"sku": typed.get("sku", ""), "sold_by": typed.get("sold_by", "piece")}
    body = _product(typed, allergens, settings.currency) | beside
    made = await console.api.send("POST", "/v1/products", body)
    return console.back(f"/products/{made['id']}", "The product was added.")


@router.get("/import")
async def see_import(console: Writer) -> Response:
    return console.show("products_import.html", report=None, checked=False, columns=COLUMNS)


@router.post("/import")
async def import_products(console: Writer, request: Request) -> Response:
    """Looked at first, and imported when told to. The browser has the file all the time, and we keep none of it."""
    async with open_form(request, files_max=1) as form:
        (file,) = await read_files(form, "file")
        checked, skip_bad = form.get("step") != "import", bool(form.get("skip_bad"))
    report = await console.api.send(
        "POST",
        "/v1/products/import",
        content=file,
        headers={"Content-Type": "text/csv"},
        params={"dry_run": checked, "skip_bad": skip_bad},
    )
    template = "_import_report.html" if request.headers.get("hx-request") else "products_import.html"
    return console.show(template, report=report, checked=checked, columns=COLUMNS)


@router.get("/{product_id}")
async def see_product(console: Reader, product_id: UUID) -> Response:
    product = await console.api.get(f"/v1/products/{product_id}")
    stores: dict[str, Any] = {"items": []}
    if console.may("stores:read"):
        stores = await console.api.get("/v1/stores", limit=200)
    return console.show(
        "product.html",
        product=product,
        stock=await console.api.get(f"/v1/products/{product_id}/stock", limit=200),
        stores={each["id"]: each["name"] for each in stores["items"]},
        garment=await _garment(console, product["sku"]),
        may_write=console.may("catalog:write"),
        may_style=console.may("fitting:write"),
        **FORM,
    )


async def _garment(console: Console, sku: str) -> Any:
    if not console.may("fitting:read"):
        return None
    try:
        return await console.api.get(f"/v1/garments/{sku}")
    except Refused as refused:
        if refused.problem["code"] != "garment_not_found":
            raise
        return None


@router.post("/{product_id}")
async def change_product(console: Writer, product_id: UUID, typed: Fields, allergens: Allergens) -> Response:
    path = f"/v1/products/{product_id}"
    currency = (await console.api.get(path))["currency"]
    await console.api.send("PATCH", path, _product(typed, allergens, currency))
    return console.back(f"/products/{product_id}", "Saved.")


@router.post("/{product_id}/sale")
async def set_on_sale(console: Writer, product_id: UUID, active: Annotated[bool, Form()]) -> Response:
    await console.api.send("PATCH", f"/v1/products/{product_id}", {"active": active})
    return console.back(f"/products/{product_id}", ACTIVITY[active])


@router.post("/{product_id}/stock")
async def count(console: Writer, product_id: UUID, store_id: Annotated[UUID, Form()], quantity: Typed = "") -> Response:
    """A quantity that is left empty isn't counted any more."""
    sku = (await console.api.get(f"/v1/products/{product_id}"))["sku"]
    path, level = f"/v1/stores/{store_id}/stock/{sku}", counted(quantity)
    if level is None:
        await console.api.send("DELETE", path)
    else:
        await console.api.send("PUT", path, {"quantity": level})
    return console.back(f"/products/{product_id}", "The count was set.")


@router.post("/{product_id}/garment")
async def set_garment(console: Stylist, product_id: UUID, typed: Fields) -> Response:
    body = {
        "sku": (await console.api.get(f"/v1/products/{product_id}"))["sku"],
        "style": typed.get("style", ""),
        "kind": typed.get("kind", ""),
        "size": typed.get("size") or None,
        "size_system": typed.get("size_system") or None,
        "occasions": several(typed.get("occasions", "")),
    }
    await console.api.send("PUT", "/v1/garments", [body])
    return console.back(f"/products/{product_id}", "Saved.")


@router.post("/{product_id}/garment/removal")
async def forget_garment(console: Stylist, product_id: UUID) -> Response:
    sku = (await console.api.get(f"/v1/products/{product_id}"))["sku"]
    await console.api.send("DELETE", f"/v1/garments/{sku}")
    return console.back(f"/products/{product_id}", "No mirror advises it any more.")
