/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Table raw, the earliest place there is: what is banned and limited is dropped there, before anything is
 * spent on it, and what is stateless is taken out of connection tracking, both directions of it.
 *
 * Nothing of that touches what goes over lo, failsafe statements, and what IPv6 neighbours need: lists of
 * bogus addresses often hold fe80::/10, and to ban that is to lose the link. */
#include "read/policy/render_private.h"

#include <netinet/in.h>
#include <stdio.h>

/* What there is to do in the table, for one family. */
struct work {
	bool drops_in, drops_out, stateless;
	struct span first;
};

static struct work work_of(const struct render *render, enum family family)
{
	struct work work = {0};

	for (size_t i = 0; i < render->tree->statement_count; i++) {
		const struct policy_statement *statement = &render->tree->statements[i];
		bool in = statement->kind == STATEMENT_LIMIT, out = false;
		if (!statement->selector.families[family])
			continue;
		if (statement->kind == STATEMENT_BLOCK) {
			in = statement->direction == DIRECTION_IN;
			out = statement->direction == DIRECTION_OUT || statement->both_directions;
		}
		bool stateless = statement->kind == STATEMENT_STATELESS;
		work.drops_in |= in;
		work.drops_out |= out;
		work.stateless |= stateless;
		if ((in || out || stateless) && !work.first.source)
			work.first = statement->span;
	}
	return work;
}

/* Of the types that RFC 4861, 2710 and 3810 give: router and neighbour solicitation and advertisement, and
 * the questions and reports of MLD. */
void render_neighbours(struct render *render, enum family family, enum table_id table, const char *hook,
		       struct span span)
{
	static const uint8_t types[] = {133, 134, 135, 136, 130, 131, 132, 143};
	static const char name[] = "weir-neighbours";
	const struct section *chains = &render->chains[family][table];
	bool there = chains->text.size && strstr(chains->text.data, name);

	if (family != FAMILY_IPV6)
		return;
	if (!there) {
		render_chain(render, family, table, span, name);
		for (size_t i = 0; i < sizeof(types); i++)
			render_rule(render, family, table, span,
				    "-A %s -p ipv6-icmp -m icmp6 --icmpv6-type %u -j ACCEPT", name, types[i]);
	}
	render_rule(render, family, table, span, "-A %s -p ipv6-icmp -j %s", hook, name);
}

static void put_statement(struct render *render, const struct policy_statement *statement,
			  struct selector_place place, const char *options, const char *target)
{
	static const char *const chains[HOOK_COUNT] = {
	    [HOOK_PREROUTING] = "PREROUTING", [HOOK_OUTPUT] = "OUTPUT"};
	struct conditions conditions = {0};

	selector_conditions(render, &statement->selector, &place, &conditions);
	for (size_t i = 0; i < conditions.count; i++)
		render_rule(render, place.family, TABLE_RAW, statement->span, "-A %s%s%s -j %s",
			    chains[place.hook], options, conditions.texts[i], target);
}

static void put_failsafes(struct render *render, enum family family, enum hook hook)
{
	for (size_t i = 0; i < render->tree->statement_count; i++)
		if (render->tree->statements[i].kind == STATEMENT_FAILSAFE)
			put_statement(render, &render->tree->statements[i],
				      (struct selector_place){
					  .family = family, .hook = hook, .answers = hook == HOOK_OUTPUT},
				      "", "ACCEPT");
}

/* Sources that are not heard of for that long are forgotten, and begin with a whole burst again: no sooner
 * than the burst would have come back by itself. Milliseconds. */
static uint64_t limit_expiry(const struct policy_limit *limit)
{
	uint64_t seconds = ((uint64_t)limit->burst * limit->second + limit->rate - 1) / limit->rate;

	return 1000 * (seconds < 10 ? 10 : seconds);
}

/* A table of the kernel's own size holds 65,536 sources, and when it is full all new ones are dropped
 * (htable_create(), dsthash_alloc_init() in net/netfilter/xt_hashlimit.c). Its hash has that size still:
 * nftables, whose sets grow by themselves, has no word for it. */
#define LIMIT_SOURCES 262144

static void put_limit(struct render *render, const struct policy_statement *statement, enum family family)
{
	const struct policy_limit *limit = &statement->limit;
	const char *unit = limit->second == 1      ? "sec"
			   : limit->second == 60   ? "min"
			   : limit->second == 3600 ? "hour"
						   : "day";
	const struct selector_place place = {.family = family,
					     .hook = HOOK_PREROUTING,
					     .syn = limit->syn,
					     .not_lo = true,
					     /* SYNPROXY answers for the host itself */
					     .for_host = limit->with == LIMIT_SYNPROXY};
	struct conditions conditions = {0};
	char mode[64] = "";

	if (limit->per_source)
		snprintf(mode, sizeof(mode), "--hashlimit-mode srcip --hashlimit-srcmask %u ",
			 limit->prefix[family]);
	char *name = arena_printf(render->arena, POLICY_LIMIT_NAME "%u", render_number(render, statement));
	char *action = arena_printf(
	    render->arena,
	    " -m hashlimit --hashlimit-above %u/%s --hashlimit-burst %u %s--hashlimit-name "
	    "%s --hashlimit-htable-max %u --hashlimit-htable-expire %llu -j %s",
	    limit->rate, unit, limit->burst, mode, name ? name : "", LIMIT_SOURCES,
	    (unsigned long long)limit_expiry(limit), limit->with == LIMIT_SYNPROXY ? "CT --notrack" : "DROP");
	if (!name || !action) {
		render->failed = true;
		return;
	}
	selector_conditions(render, &statement->selector, &place, &conditions);
	render_once(render, &place, TABLE_RAW, "PREROUTING", name, &conditions, statement->span, action);
}

static void put_arriving(struct render *render, enum family family, const struct work *work)
{
	/* Of what is passed on the answers would stay tracked: they come from outside. */
	const struct selector_place place = {.family = family, .hook = HOOK_PREROUTING, .for_host = true},
				    outside = {.family = family, .hook = HOOK_PREROUTING, .not_lo = true};
	const struct policy_tree *tree = render->tree;

	if (work->drops_in || (work->drops_out && work->stateless))
		put_failsafes(render, family, HOOK_PREROUTING);
	if (work->drops_in && tree->defaults[DIRECTION_IN].implied & IMPLIED_NEIGHBOURS)
		render_neighbours(render, family, TABLE_RAW, "PREROUTING", work->first);
	for (size_t i = 0; i < tree->statement_count; i++)
		if (tree->statements[i].kind == STATEMENT_BLOCK &&
		    tree->statements[i].direction == DIRECTION_IN)
			put_statement(render, &tree->statements[i], outside, "", "DROP");
	for (size_t i = 0; i < tree->statement_count; i++)
		if (tree->statements[i].kind == STATEMENT_LIMIT &&
		    tree->statements[i].selector.families[family])
			put_limit(render, &tree->statements[i], family);
	for (size_t i = 0; i < tree->statement_count; i++)
		if (tree->statements[i].kind == STATEMENT_STATELESS)
			put_statement(render, &tree->statements[i], place, "", "CT --notrack");
}

/* A statement about the host itself is about what it asks itself, too: over lo a packet has what it got when
 * it left. */
static bool asks_self(const struct policy_selector *selector)
{
	bool self = !selector->to.count;

	for (size_t i = 0; i < selector->to.count; i++)
		self |=
		    selector->to.places[i].kind == PLACE_SELF ||
		    (selector->to.places[i].kind == PLACE_SET && selector->to.places[i].set->includes_self);
	return self && !selector->device_count;
}

static void put_leaving(struct render *render, enum family family, const struct work *work)
{
	const struct selector_place place = {.family = family, .hook = HOOK_OUTPUT},
				    answers = {.family = family, .hook = HOOK_OUTPUT, .answers = true},
				    outside = {.family = family, .hook = HOOK_OUTPUT, .not_lo = true},
				    back = {.family = family,
					    .hook = HOOK_OUTPUT,
					    .answers = true,
					    .not_lo = true};
	const struct policy_tree *tree = render->tree;

	if (work->drops_out || (work->drops_in && work->stateless))
		put_failsafes(render, family, HOOK_OUTPUT);
	for (size_t i = 0; i < tree->statement_count; i++) {
		const struct policy_statement *statement = &tree->statements[i];
		if (statement->kind != STATEMENT_STATELESS)
			continue;
		put_statement(render, statement, answers, "", "CT --notrack");
		if (asks_self(&statement->selector))
			put_statement(render, statement, place, " -o lo", "CT --notrack");
	}
	if (!work->drops_out)
		return;
	if (tree->defaults[DIRECTION_OUT].implied & IMPLIED_NEIGHBOURS)
		render_neighbours(render, family, TABLE_RAW, "OUTPUT", work->first);
	for (size_t i = 0; i < tree->statement_count; i++) {
		const struct policy_statement *statement = &tree->statements[i];
		if (statement->kind != STATEMENT_BLOCK)
			continue;
		if (statement->direction == DIRECTION_OUT)
			put_statement(render, statement, outside, "", "DROP");
		if (statement->direction == DIRECTION_IN && statement->both_directions)
			put_statement(render, statement, back, "", "DROP");
	}
}

void render_raw(struct render *render, enum family family)
{
	struct work work = work_of(render, family);

	if (work.drops_in || work.stateless)
		put_arriving(render, family, &work);
	if (work.drops_out || work.stateless)
		put_leaving(render, family, &work);
}
