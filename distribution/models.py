"""Operators, sources, the weights between them, and the keys that bots call with."""

from collections.abc import Iterable
from typing import Any, ClassVar, NoReturn

from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from distribution.fields import RenewedByTriggers
from minicrm.validators import validate_line

MAX_WEIGHT = 10_000
MAX_LIMIT = 2**31 - 1  # what PostgreSQL's integer holds
NAME_LENGTH = 120
ACTOR_LENGTH = 100  # who did it: `user:7`, `api_key:3`, `import`


class OperatorQuerySet(models.QuerySet["Operator"]):
    """Filters over operators."""

    def free(self) -> "OperatorQuerySet":
        """Active operators below their limit."""
        return self.filter(is_free=True)


class Operator(models.Model):
    """A person who handles contacts.

    `current_load` counts the operator's assigned contacts. It is changed only together with a
    contact, by `distribution.services`. It may exceed `max_load` after the limit was lowered:
    nothing is taken away then, and nothing is added.

    `is_free` is the database's own word, for queries: an object in memory may tell an older one.
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
    # Changes seldom, unlike the load: so an index over it costs an arrival nothing.
    is_free = models.GeneratedField(
        expression=Q(is_active=True, current_load__lt=F("max_load")),  # type: ignore[arg-type]
        output_field=models.BooleanField(),
        db_persist=True,
    )

    objects = OperatorQuerySet.as_manager()

    class Meta:
        verbose_name = _("operator")
        verbose_name_plural = _("operators")
        ordering = ["id"]
        indexes = [
            # Who cannot take a contact, among thousands who can.
            models.Index(fields=["id"], condition=Q(is_free=False), name="operator_not_free"),
        ]
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
        pgettext_lazy("of a thing", "name"),
        max_length=NAME_LENGTH,
        unique=True,
        validators=[validate_line],
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
    # Which set of weights it has: a new number with each change, whoever makes it.
    weights_version = RenewedByTriggers(db_default=0, editable=False)

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
    those of all. Only such a key may have the right to manage operators, sources, weights, and
    contacts.
    """

    name = models.CharField(
        pgettext_lazy("of a thing", "name"), max_length=NAME_LENGTH, validators=[validate_line]
    )
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
        _("may manage"),
        default=False,
        help_text=_("May change operators, sources and weights, and move contacts."),
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


class AppendOnly(Exception):
    """Somebody tried to change or delete what is kept as it was written."""


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    """Audit events can be read and added, and nothing else."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly("Audit events cannot be changed.")

    def delete(self) -> NoReturn:
        raise AppendOnly("Audit events cannot be deleted.")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly("Audit events cannot be changed.")

    def bulk_create(
        self, objs: Iterable["AuditEvent"], *args: Any, **kwargs: Any
    ) -> list["AuditEvent"]:
        """Add several events; one that is there already is an error, whatever the arguments."""
        if kwargs.get("update_conflicts"):
            raise AppendOnly("Audit events cannot be changed.")
        return super().bulk_create(objs, *args, **kwargs)


class AuditEvent(models.Model):
    """Who changed an operator, a source, weights, a key or rights; from what, and to what.

    Written by `distribution.audit.record` in the transaction of the change, and never changed or
    deleted. There are no foreign keys: what an event tells of may go, and it stays. `actor` reads
    `user:<pk>`, `api_key:<pk>`, or names a command. `before` is empty for something created,
    `after` for something deleted.
    """

    OBJECT_NAME_LENGTH: ClassVar = 300  # a weight's: two names, and what stands between them

    class Action(models.TextChoices):
        CREATED = "created", _("created")
        CHANGED = "changed", _("changed")
        DELETED = "deleted", _("deleted")
        REVOKED = "revoked", _("revoked")
        ERASED = "erased", _("personal data erased")
        EXPORTED = "exported", _("personal data exported")

    class ObjectType(models.TextChoices):
        OPERATOR = "operator", _("operator")
        SOURCE = "source", _("source")
        WEIGHTS = "weights", _("weights")
        API_KEY = "api_key", _("API key")
        USER = "user", _("user")
        GROUP = "group", _("group")
        LEAD = "lead", _("lead")
        CONTACTS = "contacts", _("contacts")

    at = models.DateTimeField(_("time"), default=timezone.now, editable=False)
    actor = models.CharField(_("who"), max_length=ACTOR_LENGTH, editable=False)
    action = models.CharField(_("action"), max_length=16, choices=Action, editable=False)
    object_type = models.CharField(
        _("kind of object"), max_length=16, choices=ObjectType, editable=False
    )
    object_id = models.PositiveBigIntegerField(_("number"), editable=False)
    object_name = models.CharField(_("object"), max_length=OBJECT_NAME_LENGTH, editable=False)
    before = models.JSONField(_("before"), null=True, encoder=DjangoJSONEncoder, editable=False)
    after = models.JSONField(_("after"), null=True, encoder=DjangoJSONEncoder, editable=False)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        base_manager_name = "objects"  # else Django's own would have a way around
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["object_type", "object_id", "-id"], name="audit_event_of_object"),
            models.Index(fields=["actor", "-id"], name="audit_event_by_actor"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(actor=""), name="audit_event_has_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.get_object_type_display()} {self.object_name}: {self.get_action_display()}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add the event; one that is stored already is refused."""
        if not self._state.adding:
            raise AppendOnly("Audit events cannot be changed.")
        # Else a number given by hand would overwrite the event that has it.
        super().save(force_insert=True, using=kwargs.get("using"))

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly("Audit events cannot be deleted.")
