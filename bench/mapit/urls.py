"""The only URL."""

from django.contrib.gis.geos import Point
from django.http import HttpRequest, JsonResponse
from django.urls import path

from bench.mapit.models import Area, Generation


def areas_by_point(_: HttpRequest, x: str, y: str) -> JsonResponse:
    """The areas that cover a point, by id."""
    current = Generation.objects.filter(active=True).order_by("-id")[0]
    areas = (
        Area.objects.select_related("type", "country", "parent_area")
        .filter(
            generation_low__lte=current.id,
            generation_high__gte=current.id,
            polygons__subdivided__division__covers=Point(float(x), float(y), srid=4326),
        )
        .distinct()
    )
    return JsonResponse({area.id: area.as_dict() for area in areas})


urlpatterns = [path("point/4326/<str:x>,<str:y>", areas_by_point)]
