"""The moves of contacts in the plain Python model."""

from leads.tests.model_world import Contact, Refused, World


class Moves(World):
    """What becomes of contacts; the arguments and answers are those of the services."""

    def register_contact(self, source_id):
        pk = self.new_id("contacts")
        self.contacts[pk] = Contact(source_id)
        self._choose(pk)
        self.show()
        return self._contact(pk)

    def close_contact(self, pk, *, version=None, reason=""):
        contact = self.contacts[pk]
        if contact.status == "closed":
            return self._moved(pk, changed=False)
        self._refuse_stale(pk, version)
        contact.last.end("closed", self.actor, reason)
        contact.status = "closed"
        contact.version += 1
        return self._hand_on(pk)

    def reopen_contact(self, pk, *, version=None, reason=""):
        contact = self.contacts[pk]
        if contact.status != "closed":
            return self._moved(pk, changed=False)
        self._refuse_stale(pk, version)
        contact.version += 1
        self._choose(pk, reason=reason)
        return self._hand_on(pk)

    def requeue_contact(self, pk, *, version=None, reason=""):
        contact = self.contacts[pk]
        if contact.status == "waiting":
            return self._moved(pk, changed=False)
        self._refuse_closed(pk)
        self._refuse_stale(pk, version)
        self._queue(contact, reason)
        return self._hand_on(pk)

    def reassign_contact(self, pk, *, operator_id, version=None, over_limit=False, reason=""):
        self._need_reason(over_limit, reason)
        self._refuse_closed(pk)
        if self.contacts[pk].operator == operator_id:
            return self._moved(pk, changed=False)
        self._refuse_stale(pk, version)
        self._give(pk, operator_id, over_limit, reason)
        return self._hand_on(pk)

    def take_next_contact(
        self, operator_id, *, source_id=None, expected_id=None, over_limit=False, reason=""
    ):
        self._need_reason(over_limit, reason)
        self.need_operator(operator_id)
        if source_id is None:
            sources = {source for source, operator in self.weights if operator == operator_id}
        else:
            sources = {source_id}
        oldest = next((pk for pk in self.queue() if self.contacts[pk].source in sources), None)
        if expected_id not in {None, oldest}:
            expected = self.contacts[expected_id]
            if expected.status == "waiting":
                raise Refused("contact_not_next", self._present(expected_id))
            if expected.operator != operator_id or expected.status == "closed":
                raise Refused("contact_changed", self._present(expected_id))
            return self._moved(expected_id, changed=False)
        if oldest is None:
            return None
        self._give(oldest, operator_id, over_limit, reason)
        return self._hand_on(oldest)

    def switch_operator_off(self, operator_id, *, open_contacts):
        self.update_operator(operator_id, is_active=False)
        moved, theirs = 0, self.with_operator(operator_id)
        if open_contacts == "keep":
            theirs = []
        for start in range(0, len(theirs), self.batch):
            batch = theirs[start : start + self.batch]
            if open_contacts == "requeue":
                moved += len(batch)
                for pk in batch:
                    self._queue(self.contacts[pk], "")
                self._drain_all()
            else:
                moved += sum(self._redistribute(pk) for pk in batch)
            self.show()
        return self._operator(operator_id), moved, self.load(operator_id)

    def assign_waiting(self):
        return 0

    # ----------------------------------------------------------------------------------------

    def _choose(self, pk, **facts):
        """The normal choice; a contact that is reopened goes to its last operator if it can."""
        contact = self.contacts[pk]
        available = self.available(contact.source)
        had_it = [period.operator for period in contact.periods if period.operator is not None]
        last = had_it[-1] if had_it else None
        if not available:
            if not self.sources[contact.source].is_active:
                facts["source_inactive"] = True
            choice = self.choice(contact.source)
            self.begin_period(contact, "queued", None, **choice, **facts)
        elif last in available:
            self.draw(pk, "reopening", **facts)
            assert contact.operator == last, "did not go back to its last operator"
        else:
            self.draw(pk, "weighted_random", **facts)

    def _queue(self, contact, reason):
        contact.last.end("requeued", self.actor, reason)
        self.begin_period(contact, "queued", None)
        contact.version += 1

    def _give(self, pk, operator_id, over_limit, reason):
        self.need_operator(operator_id)
        contact, operator = self.contacts[pk], self.operators[operator_id]
        load = self.load(operator_id)
        if not operator.is_active:
            raise Refused("operator_inactive")
        if load >= operator.max_load and not over_limit:
            raise Refused("operator_at_limit")
        waited = contact.status == "waiting"
        contact.last.end("assigned" if waited else "reassigned", self.actor, reason)
        self.begin_period(
            contact,
            "manual" if waited else "reassignment",
            operator_id,
            from_operator_id=contact.operator,
            load=load,
            limit=operator.max_load,
            over_limit=load >= operator.max_load,
            reason=reason,
        )
        contact.version += 1

    def _redistribute(self, pk):
        contact = self.contacts[pk]
        if not self.available(contact.source):
            return False
        contact.last.end("redistributed", self.actor, "")
        self.draw(pk, "redistribution", from_operator_id=contact.operator)
        contact.version += 1
        return True

    def _hand_on(self, pk):
        """The places that the move freed go to whoever has waited longest; then it is done."""
        waited = self.contacts[pk].status == "waiting"
        assigned = self._drain_all()
        self.show()
        own = waited and self.contacts[pk].status == "assigned"
        return self._moved(pk, assigned=assigned - own)

    def _drain_all(self):
        assigned, finished = self.drain()
        assert finished, "one move freed more places than one transaction hands on"
        return assigned

    def need_operator(self, pk):
        if pk not in self.operators:  # a request may name one who has gone
            raise Refused("operator_not_found")

    def _need_reason(self, over_limit, reason):
        if over_limit and not reason:
            raise Refused("reason_required")

    def _refuse_closed(self, pk):
        if self.contacts[pk].status == "closed":
            raise Refused("contact_closed", self._present(pk))

    def _refuse_stale(self, pk, version):
        if version not in {None, self.contacts[pk].version}:
            raise Refused("contact_changed", self._present(pk))

    def _present(self, pk):
        contact = self.contacts[pk]
        return {
            "id": pk,
            "status": contact.status,
            "operator_id": contact.operator,
            "version": contact.version,
        }

    def _contact(self, pk):
        contact = self.contacts[pk]
        return pk, contact.status, contact.operator

    def _moved(self, pk, *, changed=True, assigned=0):
        return (*self._contact(pk), self.contacts[pk].version, changed, assigned)

    def _operator(self, pk):
        return pk, *self.visible()["operators"][pk]

    def _source(self, pk):
        return pk, *self.visible()["sources"][pk]
