"""A plain Python model of the services: what each move and each setting must do, and refuse.

The methods have the names and arguments of the services, and return what `told` makes of theirs.
"""

from leads.tests.model_moves import Moves
from leads.tests.model_world import Operator, Refused, Source, facts_of


class Model(Moves):
    """The settings, besides: whatever opens places shows only when nobody waits for them."""

    def create_operator(self, **facts):
        pk = self.new_id("operators")
        self.operators[pk] = Operator(**facts)
        self.record("created", "operator", pk, after=facts)
        self.show()
        return self._operator(pk)

    def update_operator(self, pk, **changes):
        self.need_operator(pk)
        finished = False
        while not finished:
            before = facts_of(self.operators[pk])
            self.operators[pk] = Operator(**before | changes)
            _, finished = self.drain()
            if not finished:  # the limit may show as far as its places are taken
                limit = min(self.operators[pk].max_load, self.load(pk))
                limit = max(before["max_load"], limit)
                self.operators[pk] = Operator(**before | {"max_load": limit})
            self.record("changed", "operator", pk, before, facts_of(self.operators[pk]))
            self.show()
        return self._operator(pk)

    def delete_operator(self, pk):
        if any(pk == period.operator for each in self.contacts.values() for period in each.periods):
            raise Refused("protected")
        for (source_id, operator_id), weight in sorted(self.weights.items()):
            if operator_id == pk:
                self._record_weights(source_id, {pk: weight}, {})
        self.record("deleted", "operator", pk, before=facts_of(self.operators[pk]))
        del self.operators[pk]
        self.weights = {pair: each for pair, each in self.weights.items() if pair[1] != pk}
        self.show()

    def create_source(self, **facts):
        self._refuse_name(facts["name"])
        pk = self.new_id("sources")
        self.sources[pk] = Source(**facts)
        self.record("created", "source", pk, after=facts)
        self.show()
        return self._source(pk)

    def update_source(self, pk, **changes):
        before = facts_of(self.sources[pk])
        self._refuse_name(changes.get("name"), but=pk)

        def write(facts):
            self.sources[pk] = Source(**facts)

        self._stage(write, before, before | changes)
        self.record("changed", "source", pk, before, before | changes)
        return self._source(pk)

    def delete_source(self, pk):
        if any(pk == each.source for each in self.contacts.values()):
            raise Refused("protected")
        self._record_weights(pk, self._weights_of(pk), {})
        self.record("deleted", "source", pk, before=facts_of(self.sources[pk]))
        del self.sources[pk]
        self.weights = {pair: each for pair, each in self.weights.items() if pair[0] != pk}
        self.show()

    def add_weight(self, *, operator_id, source_id, weight):
        if (source_id, operator_id) in self.weights:
            raise Refused("weight_exists")
        self._set_weights(source_id, self._weights_of(source_id) | {operator_id: weight})
        return source_id, operator_id, weight

    def update_weight(self, pair, *, weight):
        source_id, operator_id = pair
        self._set_weights(source_id, self._weights_of(source_id) | {operator_id: weight})
        return source_id, operator_id, weight

    def remove_weight(self, pair):
        source_id, operator_id = pair
        left = self._weights_of(source_id)
        del left[operator_id]
        self._set_weights(source_id, left)

    def replace_weights(self, source_id, weights):
        self._set_weights(source_id, weights)
        return [(source_id, pk, weight) for pk, weight in sorted(weights.items())]

    # ----------------------------------------------------------------------------------------

    def _refuse_name(self, name, but=None):
        if name in {each.name for pk, each in self.sources.items() if pk != but}:
            raise Refused("source_name_taken")

    def _weights_of(self, source_id):
        return {pk: weight for (source, pk), weight in self.weights.items() if source == source_id}

    def _set_weights(self, source_id, after):
        before = self._weights_of(source_id)
        for pk in after.keys() - before.keys():
            self.weight_ids[source_id, pk] = self.seen.weight_id(source_id, pk)

        def write(weights):
            others = {pair: each for pair, each in self.weights.items() if pair[0] != source_id}
            self.weights = others | {(source_id, pk): each for pk, each in weights.items()}

        self._stage(write, before, after)
        self._record_weights(source_id, before, after)

    def _record_weights(self, source_id, before, after):
        concerned = {pk for pk in before | after if before.get(pk) != after.get(pk)}
        self.record(
            "changed",
            "weights",
            source_id,
            {str(pk): before[pk] for pk in concerned & before.keys()},
            {str(pk): after[pk] for pk in concerned & after.keys()},
        )

    def _stage(self, write, before, after):
        """Change a setting; while that leaves more to hand out, it is not to be seen yet."""
        while True:
            write(after)
            if self.drain()[1]:
                self.show()
                return
            write(before)
            self.show()
