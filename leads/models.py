"""Leads, their contacts, and who had which contact when."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from distribution.models import ACTOR_LENGTH, NAME_LENGTH, Operator, Source
from leads.identity import MAX_EMAIL, MAX_EXTERNAL_ID
from minicrm.validators import validate_line

PHONE_LENGTH = 16
MESSAGE_LENGTH = 10_000
REASON_LENGTH = 500
# Contacts that are closed, and hold what came with them or what was said since it was forgotten.
TO_FORGET = Q(status="closed") & (
    Q(forgotten_at__isnull=True) | Q(forgotten_at__lt=models.F("closed_at"))
)


class Lead(models.Model):
    """A person, known by any of three keys, each in its normal form (`leads.identity`).

    Each key belongs to one lead at most; that a lead has at least one is for the services to see
    to, as an erased lead has none. A lead that was merged into another keeps its keys and leads to
    that one, which was never merged itself: one step is enough. An erased lead has neither keys
    nor a name, and gets no contact any more: who comes again is a new lead.
    """

    external_id = models.CharField(
        _("external id"), max_length=MAX_EXTERNAL_ID, null=True, blank=True, unique=True
    )
    email = models.CharField(_("e-mail"), max_length=MAX_EMAIL, null=True, blank=True, unique=True)
    phone = models.CharField(
        _("phone"), max_length=PHONE_LENGTH, null=True, blank=True, unique=True
    )
    name = models.CharField(
        _("name"), max_length=NAME_LENGTH, blank=True, validators=[validate_line]
    )
    merged_into = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="merged",
        verbose_name=_("merged into"),
        help_text=_("The lead that this one turned out to be; it has the contacts of both."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    erased_at = models.DateTimeField(
        _("erased"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("When the personal data was erased; nothing brings it back."),
    )

    class Meta:
        verbose_name = _("lead")
        verbose_name_plural = _("leads")
        ordering = ["id"]
        permissions = [
            ("see_personal_data", "Can see personal data unmasked and in full"),
            ("erase_lead", "Can erase the personal data of a lead"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(external_id="") & ~Q(email="") & ~Q(phone=""),
                name="lead_keys_null_not_blank",
            ),
            models.CheckConstraint(
                condition=Q(erased_at__isnull=True)
                | Q(external_id__isnull=True, email__isnull=True, phone__isnull=True, name=""),
                name="lead_erased_has_nothing",
            ),
        ]

    def __str__(self) -> str:
        # A log, a title or a message shows objects so; pages have `lead_label` for names and keys.
        return f"#{self.pk}"


class ContactQuerySet(models.QuerySet["Contact"]):
    """Filters over contacts."""

    def waiting(self) -> "ContactQuerySet":
        """Contacts that nobody has yet."""
        return self.filter(status=Contact.Status.WAITING)

    def assigned(self) -> "ContactQuerySet":
        """Contacts that count as their operator's load."""
        return self.filter(status=Contact.Status.ASSIGNED)


class Contact(models.Model):
    """One request of a lead through a source.

    A closed contact keeps the operator who had it last, if anybody did. What came with it may be
    forgotten some time after that (`forgotten_at`); then the rest counts on.
    """

    class Status(models.TextChoices):
        """What became of a contact so far."""

        WAITING = "waiting", _("waiting")
        ASSIGNED = "assigned", _("assigned")
        CLOSED = "closed", _("closed")

    # The composite indexes below begin with these foreign keys and serve them too.
    lead = models.ForeignKey(
        Lead,
        on_delete=models.PROTECT,
        related_name="contacts",
        db_index=False,
        verbose_name=_("lead"),
    )
    source = models.ForeignKey(
        Source,
        on_delete=models.PROTECT,
        related_name="contacts",
        db_index=False,
        verbose_name=_("source"),
    )
    operator = models.ForeignKey(
        Operator,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="contacts",
        db_index=False,
        verbose_name=_("operator"),
    )
    status = models.CharField(_("status"), max_length=8, choices=Status.choices)
    supplied = models.JSONField(
        _("keys as supplied"), default=dict, help_text=_("The lead's keys as the source sent them.")
    )
    name = models.CharField(_("name"), max_length=NAME_LENGTH, blank=True)
    message = models.TextField(_("message"), max_length=MESSAGE_LENGTH, blank=True)
    payload = models.JSONField(_("payload"), default=dict)
    created_at = models.DateTimeField(_("received"))
    assigned_at = models.DateTimeField(_("assigned at"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    forgotten_at = models.DateTimeField(
        _("forgotten"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("When what the person sent with it was deleted."),
    )
    version = models.PositiveIntegerField(
        _("version"),
        default=1,
        editable=False,
        help_text=_("Grows with every move; who acts on an older one is refused."),
    )

    objects = ContactQuerySet.as_manager()

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status="waiting",
                    operator__isnull=True,
                    assigned_at__isnull=True,
                    closed_at__isnull=True,
                )
                | Q(
                    status="assigned",
                    operator__isnull=False,
                    assigned_at__isnull=False,
                    closed_at__isnull=True,
                )
                | Q(status="closed", closed_at__isnull=False),
                name="contact_status_agrees",
            ),
        ]
        indexes = [
            models.Index(fields=["lead", "id"], name="contact_lead"),
            models.Index(fields=["source", "id"], name="contact_source"),
            models.Index(fields=["operator", "id"], name="contact_operator"),
            models.Index(fields=["created_at", "source"], name="contact_received"),
            # The queue of a source, oldest first, and the recount of a load.
            models.Index(
                fields=["source", "id"], condition=Q(status="waiting"), name="contact_queue"
            ),
            models.Index(fields=["operator"], condition=Q(status="assigned"), name="contact_load"),
            # What is old enough to be forgotten, longest closed first.
            models.Index(
                fields=["closed_at"],
                condition=TO_FORGET,
                name="contact_to_forget",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Assignment(models.Model):
    """One period of a contact's life: with an operator, or with nobody, in the queue.

    The periods of a contact follow each other by id, each ending as the next begins. An open
    contact has one that has not ended; after closing there is none until it is reopened.
    """

    class Method(models.TextChoices):
        """Who or what decided where the contact goes."""

        WEIGHTED_RANDOM = "weighted_random", _("weighted random")
        DRAIN = "drain", _("from the queue")
        MANUAL = "manual", _("by hand")
        REASSIGNMENT = "reassignment", _("reassigned")
        REDISTRIBUTION = "redistribution", _("its operator was switched off")
        REOPENING = "reopening", _("back to its last operator")
        QUEUED = "queued", _("in the queue")

    class End(models.TextChoices):
        """What ended the period."""

        ASSIGNED = "assigned", _("assigned")
        REASSIGNED = "reassigned", _("reassigned")
        REDISTRIBUTED = "redistributed", _("redistributed")
        REQUEUED = "requeued", _("put back into the queue")
        CLOSED = "closed", _("closed")

    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, related_name="assignments", verbose_name=_("contact")
    )
    operator = models.ForeignKey(
        Operator,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="assignments",
        db_index=False,
        verbose_name=_("operator"),
    )
    method = models.CharField(_("method"), max_length=16, choices=Method.choices)
    decision = models.JSONField(
        _("decision"),
        default=dict,
        help_text=_("Who could have had it, with which weights and loads, and who decided."),
    )
    started_at = models.DateTimeField(_("from"))
    ended_at = models.DateTimeField(_("until"), null=True, blank=True)
    ended_as = models.CharField(_("ended as"), max_length=13, choices=End.choices, blank=True)
    ended_by = models.CharField(_("ended by"), max_length=ACTOR_LENGTH, blank=True)
    end_reason = models.CharField(_("reason"), max_length=REASON_LENGTH, blank=True)

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["contact"], condition=Q(ended_at__isnull=True), name="assignment_one_open"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=models.F("started_at")),
                name="assignment_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_as="")
                | (Q(ended_at__isnull=False) & ~Q(ended_as="")),
                name="assignment_end_agrees",
            ),
            models.CheckConstraint(
                condition=Q(operator__isnull=True, method="queued")
                | (Q(operator__isnull=False) & ~Q(method="queued")),
                name="assignment_queued_has_nobody",
            ),
        ]
        indexes = [models.Index(fields=["operator", "id"], name="assignment_operator")]

    def __str__(self) -> str:
        return f"#{self.contact_id} – {self.operator or '…'}"


class LeadConflict(models.Model):
    """Two leads that one contact named as the same person; for a supervisor to merge.

    `lead` is the one whose key was stronger and who got the contact; `other_lead` owns `key`.
    """

    class Key(models.TextChoices):
        """Which of the supplied keys belongs to the other lead."""

        EMAIL = "email", _("e-mail")
        PHONE = "phone", _("phone")

    lead = models.ForeignKey(
        Lead, on_delete=models.CASCADE, related_name="conflicts", db_index=False,
        verbose_name=_("lead"),
    )  # fmt: skip
    other_lead = models.ForeignKey(
        Lead, on_delete=models.CASCADE, related_name="conflicts_as_other",
        verbose_name=_("other lead"),
    )  # fmt: skip
    key = models.CharField(_("key"), max_length=5, choices=Key.choices)
    created_at = models.DateTimeField(_("noticed"), auto_now_add=True)
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)

    class Meta:
        verbose_name = _("lead conflict")
        verbose_name_plural = _("lead conflicts")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["lead", "other_lead", "key"], name="lead_conflict_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.lead_id} / #{self.other_lead_id}"


class IdempotencyRecord(models.Model):
    """A request that must not happen twice, and the answer it got.

    Written first in the request's own transaction: while that is under way, an equal request
    waits on the unique constraint, and afterwards it finds the answer.
    """

    scope = models.CharField(_("scope"), max_length=100, help_text=_("Who asked, and for what."))
    key = models.CharField(_("key"), max_length=255)
    digest = models.CharField(_("SHA-256 of the request"), max_length=64)
    response = models.JSONField(_("answer"), null=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = _("idempotency record")
        verbose_name_plural = _("idempotency records")
        constraints = [
            models.UniqueConstraint(fields=["scope", "key"], name="idempotency_unique_key"),
        ]

    def __str__(self) -> str:
        return f"{self.scope}: {self.key}"
