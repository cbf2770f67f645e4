/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For each rule and policy that drops: are all packets it drops dropped early, and if not, why not. The
 * reason is found on a packet that the rule may drop and XDP does not: the walk is repeated for that packet
 * with each connection state until something else than a clean drop comes out. */
#include "meaning/analysis.h"
#include "ruleset/rule_parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WITNESSES 16 /* tried, since some combinations of predicates cannot occur */

struct walk {
	const struct analysis *analysis;
	bool *bits;
	enum outcome_value outcome;
	bool tracked;            /* behind raw */
	const struct item *item; /* that decided; NULL: the policy of chain */
	const struct chain *chain;
};

static void set_field(const struct analysis *analysis, bool *bits, enum field field, uint64_t value)
{
	uint32_t count = analysis->fields->bits[field];
	for (uint32_t i = 0; i < count; i++)
		bits[analysis->fields->first[field] + i] = value >> (count - 1 - i) & 1;
}

static bool holds(const struct walk *walk, diagram_node f)
{
	return f != DIAGRAM_UNDECIDED && diagram_evaluate(walk->analysis->diagram, f, walk->bits) != 0;
}

#define GOES_ON (1u << OUTCOME_CONTINUE | 1u << OUTCOME_CONTINUE_UNTRACKED)
#define GOES_BACK (1u << OUTCOME_RETURN | 1u << OUTCOME_RETURN_UNTRACKED)

/* Of several possible outcomes the one that keeps a packet from being dropped early. */
static enum outcome_value worst(uint32_t values)
{
	static const enum outcome_value order[] = {OUTCOME_BLOCKED, OUTCOME_ACCEPT, OUTCOME_ACCEPT_UNTRACKED};
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (values >> order[i] & 1)
			return order[i];
	return OUTCOME_DROP;
}

/* Through one stage, to the item that may keep the packet from being dropped, or drops it. Each jump goes one
 * chain deeper; a chain that comes back is left behind at once, since its outcome says so. */
static void walk_stage(struct walk *walk, enum stage stage)
{
	const struct analysis *analysis = walk->analysis;
	const struct chain_meaning *chain = analysis->stages[stage];
	walk->item = NULL;
	walk->outcome = OUTCOME_ACCEPT;
	if (!chain)
		return;
	walk->chain = chain->chain;
	walk->outcome = worst(diagram_evaluate(analysis->diagram, chain->outcome, walk->bits));
	for (const struct chain_meaning *inside = chain; inside;) {
		const struct chain_meaning *deeper = NULL;
		for (size_t i = 0; i < inside->item_count; i++) {
			const struct item *item = &inside->items[i];
			uint32_t values = diagram_evaluate(analysis->diagram, item->outcome, walk->bits);
			bool decides = values >> walk->outcome & 1;
			if (!decides && (values & GOES_ON))
				continue;
			if (!decides && (values & GOES_BACK))
				return; /* to the policy of the built-in chain */
			walk->item = item;
			walk->chain = inside->chain;
			if (item->rule->target.chain && holds(walk, item->matches.may))
				deeper = analysis_chain(analysis, item->rule->target.chain);
			break;
		}
		inside = deeper;
	}
}

static bool passes(enum outcome_value outcome)
{
	return outcome == OUTCOME_ACCEPT || outcome == OUTCOME_ACCEPT_UNTRACKED;
}

/* The stages of one way in order, until one does not accept. */
static void walk_path(struct walk *walk, bool forward, enum connection_state state)
{
	const struct analysis *analysis = walk->analysis;
	static const enum stage input[] = {STAGE_MANGLE_PREROUTING, STAGE_NAT_PREROUTING, STAGE_MANGLE_INPUT,
					   STAGE_FILTER_INPUT};
	static const enum stage forwarded[] = {STAGE_MANGLE_PREROUTING, STAGE_NAT_PREROUTING,
					       STAGE_MANGLE_FORWARD, STAGE_FILTER_FORWARD};
	uint64_t no_device = analysis->fields->interface_count ? analysis->fields->interface_count - 1 : 0;
	set_field(analysis, walk->bits, FIELD_STATE, STATE_INVALID);
	set_field(analysis, walk->bits, FIELD_OUT, no_device);
	walk_stage(walk, STAGE_RAW);
	walk->tracked = walk->outcome != OUTCOME_ACCEPT_UNTRACKED;
	if (!passes(walk->outcome))
		return;
	set_field(analysis, walk->bits, FIELD_STATE, walk->tracked ? state : STATE_UNTRACKED);
	for (size_t i = 0; i < 4; i++) {
		enum stage stage = forward ? forwarded[i] : input[i];
		if (stage == STAGE_NAT_PREROUTING && !walk->tracked)
			continue;
		walk_stage(walk, stage);
		if (!passes(walk->outcome))
			return;
	}
}

static const char *describe_blocked(struct region *region, const struct analysis *analysis,
				    const struct item *item)
{
	if (item->skipped)
		return arena_printf(
		    region->arena,
		    "only the first %zu rules of a chain were looked at, for want of budget: a rule on "
		    "the way is behind them",
		    analysis->rule_limit);
	struct text target = text_of(item->rule->target.type->name);
	unsigned effects = 0;
	for (uint32_t i = 0; i < item->rule->match_count; i++) {
		const struct match *match = &item->rule->matches[i];
		if (match != item->key_match && match->type->effects)
			effects |= match->type->effects(match) & ~analysis->options->allowed;
	}
	if (!effects)
		effects = item->rule->target.type->effects & ~analysis->options->allowed;
	for (unsigned i = 0; i < EFFECT_COUNT && item->rule->target.type->kind != TARGET_OPAQUE; i++)
		if (effects >> i & 1)
			return arena_printf(
			    region->arena,
			    effects == EFFECT_UNKNOWN
				? "a rule on the way has an effect that weir does not know (%s)"
				: "a rule on the way has an effect (--allow %s lets it go)",
			    effect_names[i]);
	if (item->rule->target.type->kind == TARGET_CHANGE || item->rule->target.type->kind == TARGET_REWRITE)
		return arena_printf(region->arena, "a rule on the way may change the packet: %.*s",
				    (int)target.size, target.data);
	if (item->rule->target.type->kind == TARGET_QUEUE)
		return arena_printf(region->arena,
				    "a rule on the way leaves the verdict to another program: %.*s",
				    (int)target.size, target.data);
	if (item->rule->target.type->kind == TARGET_OPAQUE) {
		const struct opaque_data *opaque = item->rule->target.data;
		if (opaque)
			target = opaque->name;
		return arena_printf(region->arena,
				    "a rule on the way has a target that weir does not model: %.*s",
				    (int)target.size, target.data);
	}
	return "a rule on the way has an effect";
}

/* Whether the walk comes to the same end in every state that a tracked packet can have. */
static bool any_state(const struct walk *walk, bool forward)
{
	struct walk other = *walk;
	for (enum connection_state state = STATE_NEW; state <= STATE_INVALID; state++) {
		walk_path(&other, forward, state);
		if (other.item != walk->item || other.outcome != walk->outcome)
			return false;
	}
	return true;
}

/* The way such a packet takes when it is not dropped cleanly, in words; false when it is. */
static bool report(struct region *region, const struct walk *walk, bool forward, enum connection_state state,
		   struct covered *covered)
{
	if (walk->outcome == OUTCOME_DROP)
		return false;
	covered->blocker = walk->item ? walk->item->rule : NULL;
	if (walk->outcome == OUTCOME_BLOCKED && walk->item) {
		covered->reason = describe_blocked(region, walk->analysis, walk->item);
		return true;
	}
	struct text chain = walk->chain ? walk->chain->name : TEXT("INPUT");
	bool told = walk->tracked && !any_state(walk, forward);
	covered->reason = arena_printf(
	    region->arena, "%s%s%.*s %s such a packet%s%s", forward ? "if it is forwarded, " : "",
	    walk->item ? "a rule" : "the policy of ", walk->item ? 0 : (int)chain.size, chain.data,
	    walk->item && walk->item->matches.may != walk->item->matches.sure ? "may accept" : "accepts",
	    told ? " when its connection state is " : "", told ? connection_state_name(state) : "");
	return true;
}

/* Every connection state, both ways. */
static bool find_reason_at(struct region *region, struct walk *walk, struct covered *covered)
{
	for (enum connection_state state = STATE_NEW; state <= STATE_INVALID; state++) {
		walk_path(walk, false, state);
		if (report(region, walk, false, state, covered))
			return true;
		if (walk->analysis->forwarding == TRUTH_NO)
			continue;
		walk_path(walk, true, state);
		if (report(region, walk, true, state, covered))
			return true;
	}
	return false;
}

/* At every interface that the packet may arrive at. */
static bool find_reason(struct region *region, struct walk *walk, struct covered *covered)
{
	const struct analysis *analysis = walk->analysis;
	const struct fields *fields = analysis->fields;
	if (analysis->options->interface || fields->interface_count == 0)
		return find_reason_at(region, walk, covered);
	for (size_t i = fields->interface_count; i-- > 0;) {
		if (strcmp(fields->interfaces[i], "lo") == 0)
			continue;
		set_field(analysis, walk->bits, FIELD_IN, i);
		if (find_reason_at(region, walk, covered))
			return true;
	}
	return false;
}

static void explain_rest(struct region *region, const struct walk *walk, struct covered *covered)
{
	const struct analysis *analysis = walk->analysis;
	if (!holds(walk, analysis->decided)) {
		if (analysis->nat != TRUTH_NO)
			covered->reason =
			    "NAT may change the destination of tracked packets before the rule sees them";
		else if (analysis->forwarding != TRUTH_NO)
			covered->reason =
			    "such a packet may be forwarded, and the rules for that let it through";
		else
			covered->reason = "it hangs on matches that weir cannot see";
		return;
	}
	if (!holds(walk, analysis->settled)) {
		covered->blocker = analysis->state_reader;
		covered->reason = arena_printf(
		    region->arena,
		    "the packet is tracked, and a rule that looks at connection state could tell that it was "
		    "dropped before conntrack%s",
		    analysis->tracked_blocked ? " (--allow conntrack lets it go)" : "");
		return;
	}
	covered->reason = "it hangs on TCP flags that change when segments are merged (FIN, PSH, CWR)";
}

static int explain(struct analysis *analysis, struct region *region, diagram_node rest,
		   struct covered *covered)
{
	uint32_t variables = diagram_variables(analysis->diagram);
	int8_t *values = malloc(variables + 1);
	struct walk walk = {.analysis = analysis, .bits = calloc(variables + 1, sizeof(bool))};
	int result = values && walk.bits ? 0 : -ENOMEM;
	bool found = false;
	for (uint64_t seed = 0; !result && seed < WITNESSES && !found; seed++) {
		struct packet packet = {0};
		if (!diagram_witness(analysis->diagram, rest, seed, values) ||
		    fields_packet(analysis->fields, values, &packet))
			continue;
		fields_assign(analysis->fields, &packet, STATE_NEW, NULL, walk.bits);
		if (!holds(&walk, rest))
			continue;
		found = true;
		if (!find_reason(region, &walk, covered))
			explain_rest(region, &walk, covered);
	}
	if (!result && !found)
		covered->reason = "only for combinations of addresses and sets that were not met in a search";
	if (!result && !covered->reason)
		result = -ENOMEM;
	free(values);
	free(walk.bits);
	return result;
}

/* What in the rule itself weir cannot look at. */
static const char *own_reason(const struct analysis *analysis, struct region *region, const struct rule *rule,
			      bool limit)
{
	/* What a limit's rule asks last is the rate. */
	for (uint32_t i = 0; rule && i + limit < rule->match_count; i++) {
		struct text text = span_text(rule->matches[i].span);
		if (rule->matches[i].type->unseen)
			return arena_printf(region->arena,
					    "it hangs on what cannot be seen of a packet that arrives: %.*s",
					    (int)text.size, text.data);
		if (!rule->matches[i].type->modelled)
			return arena_printf(region->arena,
					    "it hangs on a match that weir does not model: %.*s",
					    (int)text.size, text.data);
	}
	if (rule && rule_is_scattered(analysis, rule))
		return "the mask of its address has too many holes for a table";
	return NULL;
}

static uint32_t unit_limit(const struct analysis *analysis, uint32_t unit)
{
	for (uint32_t i = 0; i < analysis->limit_count; i++)
		if (analysis->limits[i].meaning.unit == unit)
			return i + 1;
	return 0;
}

/* Why what is left of a limit's rule is left, where that is for its kind of packets alone. */
static const char *limit_reason(struct analysis *analysis, uint32_t number, diagram_node rest)
{
	diagram_node countable = limit_countable(analysis);
	if (number && diagram_and(analysis->diagram, rest, countable) == DIAGRAM_FALSE)
		return "segments with data, tunnels and rare protocols are left to the kernel, which may "
		       "merge packets before it counts them";
	return NULL;
}

static bool unit_drops(const struct unit *unit)
{
	if (unit->kind == UNIT_POLICY)
		return unit->chain->policy == POLICY_DROP;
	enum target_kind kind = unit->rule->target.type->kind;
	return kind == TARGET_DROP || kind == TARGET_REJECT;
}

int coverage_compute(struct analysis *analysis, struct region *region, const diagram_node *may_hit)
{
	struct diagram *diagram = analysis->diagram;
	struct covered *all = arena_array(region->arena, analysis->unit_count, sizeof(*all));
	if (!all)
		return -ENOMEM;
	diagram_node whole = fields_value(analysis->fields, FIELD_FRAGMENT, FRAGMENT_WHOLE);
	for (uint32_t unit = 0; unit < analysis->unit_count; unit++) {
		if (!unit_drops(&analysis->units[unit]))
			continue;
		struct covered *covered = &all[region->covered_count++];
		covered->unit = unit;
		if (analysis->skipped[unit]) {
			covered->coverage = COVERAGE_NONE;
			covered->reason =
			    "it is behind the first rules of its chain, which alone were looked at, for "
			    "want of budget";
			continue;
		}
		diagram_node hit = diagram_and(diagram, may_hit[unit], whole);
		diagram_node rest = diagram_minus(diagram, hit, analysis->early);
		uint32_t number = unit_limit(analysis, unit);
		if (number && analysis->limits[number - 1].packets != DIAGRAM_FALSE) {
			covered->limit = limit_words(analysis, number, region->arena);
			if (!covered->limit)
				return -ENOMEM;
			rest = diagram_minus(diagram, rest, analysis->limits[number - 1].packets);
		}
		if (hit == DIAGRAM_FALSE) {
			covered->coverage = COVERAGE_UNREACHED;
			covered->reason = "no packet comes to it on this interface";
			continue;
		}
		if (rest == DIAGRAM_FALSE) {
			covered->coverage = COVERAGE_ALL;
			continue;
		}
		bool some = covered->limit || diagram_and(diagram, hit, analysis->early) != DIAGRAM_FALSE;
		covered->coverage = some ? COVERAGE_SOME : COVERAGE_NONE;
		if (rest == DIAGRAM_UNDECIDED || hit == DIAGRAM_UNDECIDED) {
			covered->reason = "the budget of diagram nodes was met";
			continue;
		}
		covered->reason = limit_reason(analysis, number, rest);
		if (!covered->reason)
			covered->reason =
			    own_reason(analysis, region, analysis->units[unit].rule, number != 0);
		if (covered->reason)
			continue;
		/* Rather a packet that the rule matches as it arrives than one that NAT would have to change.
		 */
		diagram_node own = unknowns_exists(analysis, analysis->own[unit]);
		own = diagram_or(diagram, state_exists(analysis, own),
				 state_fixed(analysis, own, STATE_UNTRACKED));
		own = diagram_and(diagram, rest, own);
		if (own != DIAGRAM_FALSE && own != DIAGRAM_UNDECIDED)
			rest = own;
		int result = explain(analysis, region, rest, covered);
		if (result)
			return result;
	}
	region->covered = all;
	return 0;
}
