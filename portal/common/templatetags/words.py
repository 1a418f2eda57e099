"""How times, sizes and digests are written on the pages."""

from django import template

register = template.Library()
