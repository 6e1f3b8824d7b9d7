"""Operators, sources, the weights between them, and the keys that bots call with."""

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from minicrm.validators import validate_line

MAX_WEIGHT = 10_000
MAX_LIMIT = 2**31 - 1  # what PostgreSQL's integer holds
NAME_LENGTH = 120


class OperatorQuerySet(models.QuerySet["Operator"]):
    """Filters over operators."""

    def free(self) -> "OperatorQuerySet":
        """Active operators below their limit."""
        return self.filter(is_active=True, current_load__lt=F("max_load"))


class Operator(models.Model):
    """A person who handles contacts.

    `current_load` counts the operator's assigned contacts. It is changed only together with a
    contact, by `distribution.services`. It may exceed `max_load` after the limit was lowered:
    nothing is taken away then, and nothing is added.
    """

    name = models.CharField(_("name"), max_length=NAME_LENGTH, validators=[validate_line])
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Off: gets no new contacts and keeps the open ones.")
    )
    max_load = models.PositiveIntegerField(
        _("limit"),
        default=10,
        validators=[MaxValueValidator(MAX_LIMIT)],
        help_text=_("How many open contacts at most; 0 takes nothing."),
    )
    current_load = models.PositiveIntegerField(
        _("load"), default=0, editable=False, help_text=_("Open contacts at this moment.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = OperatorQuerySet.as_manager()

    class Meta:
        verbose_name = _("operator")
        verbose_name_plural = _("operators")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="operator_name_not_blank"),
            models.CheckConstraint(
                condition=Q(max_load__gte=0, max_load__lte=MAX_LIMIT),
                name="operator_limit_in_range",
            ),
            models.CheckConstraint(
                condition=Q(current_load__gte=0), name="operator_load_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Source(models.Model):
    """A bot, form or channel that contacts come from."""

    name = models.CharField(
        _("name"), max_length=NAME_LENGTH, unique=True, validators=[validate_line]
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Off: its contacts are still accepted, and wait.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    operators = models.ManyToManyField(
        Operator,
        through="OperatorSourceWeight",
        related_name="sources",
        verbose_name=_("operators"),
    )

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="source_name_not_blank"),
        ]

    def __str__(self) -> str:
        return self.name


class OperatorSourceWeight(models.Model):
    """How much of a source's contacts an operator gets: weight / sum of the available weights."""

    operator = models.ForeignKey(
        Operator, on_delete=models.CASCADE, related_name="weights", verbose_name=_("operator")
    )
    # The unique constraint's index begins with the source and serves this foreign key too.
    source = models.ForeignKey(
        Source,
        on_delete=models.CASCADE,
        related_name="weights",
        db_index=False,
        verbose_name=_("source"),
    )
    weight = models.PositiveSmallIntegerField(
        _("weight"),
        default=1,
        validators=[MaxValueValidator(MAX_WEIGHT)],
        help_text=_("A whole number from 0 to 10000; 0 gets nothing."),
    )

    class Meta:
        verbose_name = _("weight")
        verbose_name_plural = _("weights")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "operator"], name="weight_unique_pair"),
            models.CheckConstraint(
                condition=Q(weight__gte=0, weight__lte=MAX_WEIGHT), name="weight_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} – {self.operator}: {self.weight}"


class ApiKey(models.Model):
    """A key that a bot calls the API with; only its prefix and SHA-256 are stored.

    Bound to one source it posts and reads that source's contacts, and nothing else; bound to none,
    those of all. Only such a key may have the right to manage operators, sources and weights.
    """

    name = models.CharField(_("name"), max_length=NAME_LENGTH, validators=[validate_line])
    prefix = models.CharField(_("prefix"), max_length=16, unique=True, editable=False)
    digest = models.CharField(_("SHA-256"), max_length=64, editable=False)
    source = models.ForeignKey(
        Source,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="api_keys",
        verbose_name=_("source"),
        help_text=_("Empty: a key for all sources."),
    )
    can_manage = models.BooleanField(
        _("may manage"), default=False, help_text=_("May change operators, sources and weights.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(can_manage=False) | Q(source__isnull=True),
                name="api_key_manages_all_sources",
                violation_error_message=_(
                    "A key that may manage is for all sources; it cannot be bound to one."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"
