"""Areas as Django sees them."""

from typing import Any

from django.contrib.gis.db import models


class Generation(models.Model):
    """What was imported together."""

    active = models.BooleanField()
    created = models.DateTimeField()
    description = models.TextField()


class Country(models.Model):
    """A country."""

    code = models.TextField()
    name = models.TextField()


class Type(models.Model):
    """A kind of area."""

    code = models.TextField()
    description = models.TextField()


class Area(models.Model):
    """An area, without its shape."""

    name = models.TextField()
    parent_area = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")
    type = models.ForeignKey(Type, models.CASCADE)
    country = models.ForeignKey(Country, models.CASCADE, null=True)
    generation_low = models.ForeignKey(Generation, models.CASCADE, related_name="+")
    generation_high = models.ForeignKey(Generation, models.CASCADE, related_name="+")

    class Meta:
        """In which order areas are answered."""

        ordering = ("name", "type")

    def as_dict(self) -> dict[str, Any]:
        """The area as it is answered."""
        return {
            "id": self.id,
            "name": self.name,
            "parent_area": self.parent_area_id,
            "type": self.type.code,
            "type_name": self.type.description,
            "country": self.country.code if self.country else "",
            "country_name": self.country.name if self.country else "-",
            "generation_low": self.generation_low_id,
            "generation_high": self.generation_high_id,
            "codes": {each.type.code: each.code for each in self.codes.select_related("type")},
            "all_names": {},
        }


class CodeType(models.Model):
    """A system of codes."""

    code = models.TextField()
    description = models.TextField()


class Code(models.Model):
    """An area's code in one system."""

    area = models.ForeignKey(Area, models.CASCADE, related_name="codes")
    type = models.ForeignKey(CodeType, models.CASCADE)
    code = models.TextField()


class Geometry(models.Model):
    """An area's shape; the shape itself is not needed here."""

    area = models.ForeignKey(Area, models.CASCADE, related_name="polygons")


class GeometrySubdivided(models.Model):
    """A piece of a shape."""

    geometry = models.ForeignKey(Geometry, models.CASCADE, related_name="subdivided")
    division = models.PolygonField()
