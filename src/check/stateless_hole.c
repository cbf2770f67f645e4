/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Traffic that raw makes UNTRACKED, and that nothing but a rule on connection state would accept: it, or what
 * answers it, is dropped. Each is tried on a packet of the NOTRACK rule's own: dropped for sure as it is, and
 * accepted for sure if it were tracked. */
#include "check/findings.h"

#include <netinet/in.h>
#include <string.h>

#define PROBES_EACH 5 /* packets sent for one rule, at most */

enum way { WAY_IN, WAY_THROUGH, WAY_OUT };
static const char *const way_chains[] = {"INPUT", "FORWARD", "OUTPUT"};

struct hole {
	enum way way;
	struct packet packet;       /* that is dropped */
	const struct rule *dropper; /* NULL: the policy of chain */
	const struct chain *chain;
	enum connection_state state; /* in which it would be accepted */
	const struct rule *acceptor;
	bool answers; /* to what the rule makes untracked */
};

static bool by_filter(const struct probe *probe)
{
	return probe_dropped(probe) && probe->outcome.chain &&
	       probe->outcome.chain->table->id == TABLE_FILTER;
}

static int send_probe(struct check *check, const struct packet *packet, enum way way, struct probe *probe)
{
	if (way == WAY_OUT)
		return probe_leaving(check, packet, probe);
	return probe_arrival(check, packet, way == WAY_IN ? PATH_INPUT : PATH_FORWARD, probe);
}

/* Whether the packet would be accepted in that state, by a rule that looks at it. */
static int accepted_as(struct check *check, const struct packet *packet, enum way way,
		       enum connection_state state, struct hole *hole, bool *accepted)
{
	struct packet tracked = *packet;
	struct probe probe = {.without_raw = true};
	probe_state(&tracked, state);
	int error = send_probe(check, &tracked, way, &probe);
	*accepted =
	    !error && probe_accepted(&probe) && probe.outcome.rule && rule_reads_state(probe.outcome.rule);
	hole->way = way;
	hole->state = state;
	hole->acceptor = probe.outcome.rule;
	return error;
}

static void note(struct hole *hole, const struct packet *packet, const struct probe *probe, bool answers)
{
	hole->packet = *packet;
	hole->dropper = probe->outcome.rule;
	hole->chain = probe->outcome.chain;
	hole->answers = answers;
}

/* What the rule itself matches, on its way in or through. As answers, where it asks about the source port: to
 * what this host, or one behind it, sent. */
static int itself(struct check *check, const struct rule *rule, const struct packet *packet,
		  struct hole *hole, bool *found)
{
	struct probe probes[] = {{.rule = rule}, {.rule = rule}};
	int error = 0;
	*found = false;
	for (int way = WAY_IN; way <= WAY_THROUGH && !error; way++)
		error = send_probe(check, packet, (enum way)way, &probes[way]);
	/* What is let in on one of the ways is meant to go there. */
	if (error || !probe_closed(&probes[WAY_IN]) || !probe_closed(&probes[WAY_THROUGH]))
		return error;
	for (int way = WAY_IN; way <= WAY_THROUGH && !error && !*found; way++) {
		const struct probe *probe = &probes[way];
		if (probe->met != TRUTH_YES || !probe->outcome.untracked || !by_filter(probe))
			continue;
		note(hole, packet, probe, false);
		error = accepted_as(check, packet, (enum way)way, STATE_NEW, hole, found);
		if (!error && !*found && rule_asks_port(check, rule, true) &&
		    !rule_asks_port(check, rule, false))
			error = accepted_as(check, packet, (enum way)way, STATE_ESTABLISHED, hole, found);
	}
	return error;
}

/* Answers to what comes in by the rule and is accepted: on their way out. */
static int answers(struct check *check, const struct rule *rule, const struct packet *packet,
		   struct hole *hole, bool *found)
{
	struct probe input = {.rule = rule}, leaving = {0};
	int error = probe_arrival(check, packet, PATH_INPUT, &input);
	*found = false;
	if (error || input.met != TRUTH_YES || !input.outcome.untracked || !probe_accepted(&input) ||
	    !rule_asks_port(check, rule, false))
		return error;
	struct packet answer = probe_answer(packet);
	/* Without an entry an answer begins a connection; one of TCP cannot. */
	probe_state(&answer, packet->protocol == IPPROTO_TCP ? STATE_INVALID : STATE_NEW);
	error = probe_leaving(check, &answer, &leaving);
	if (error || !by_filter(&leaving))
		return error;
	note(hole, &answer, &leaving, true);
	return accepted_as(check, &answer, WAY_OUT, STATE_ESTABLISHED, hole, found);
}

/* Answers to what leaves by the rule: on their way in. */
static int answered(struct check *check, const struct rule *rule, const struct packet *packet,
		    struct hole *hole, bool *found)
{
	struct probe leaving = {.rule = rule}, input = {0};
	int error = probe_leaving(check, packet, &leaving);
	*found = false;
	if (error || leaving.met != TRUTH_YES || !leaving.outcome.untracked || probe_closed(&leaving) ||
	    !rule_asks_port(check, rule, false))
		return error;
	struct packet answer = probe_answered(check, packet);
	probe_state(&answer, packet->protocol == IPPROTO_TCP ? STATE_INVALID : STATE_NEW);
	error = probe_arrival(check, &answer, PATH_INPUT, &input);
	/* What a rule of PREROUTING makes untracked is that rule's. */
	if (error || !by_filter(&input) || input.notrack != TRUTH_NO)
		return error;
	note(hole, &answer, &input, true);
	return accepted_as(check, &answer, WAY_IN, STATE_ESTABLISHED, hole, found);
}

struct holes {
	struct check *check;
	struct row row;
	struct hole hole;     /* of the first one */
	size_t looked, limit; /* rules */
};

static void flush(struct holes *holes)
{
	const struct row row = holes->row;
	const struct hole *hole = &holes->hole;
	struct check *check = holes->check;
	struct buffer rules = {0};
	holes->row.count = 0;
	if (!row.count)
		return;
	if (row.count == 1)
		buffer_puts(&rules, "this rule makes untracked");
	else
		buffer_printf(&rules, "%zu rules from here on make untracked", row.count);
	struct found *found = check_add(
	    check, row.first->span, "%s%s %s dropped: nothing but a rule on connection state would accept %s",
	    hole->answers ? "answers to what " : "what ", check_text(check, &rules),
	    hole->answers ? "are" : "is", hole->answers ? "them" : "it");
	if (row.count > 1)
		found_label(check, found, row.last->span, "the last of them");
	if (hole->acceptor)
		found_label(check, found, hole->acceptor->span, "would accept it as %s",
			    connection_state_name(hole->state));
	if (hole->dropper)
		found_label(check, found, hole->dropper->span, "drops it");
	else
		found_label(check, found, hole->chain->span, "this policy drops it");
	found_hint(
	    check, found,
	    "Accept it without a look at the state, in front of what drops it in %s (by its addresses and "
	    "ports, or "
	    "with --ctstate UNTRACKED for all of it); or leave it tracked. Dropped is, for example: %s",
	    way_chains[hole->way], probe_text(check, &hole->packet));
}

static void add(struct holes *holes, const struct rule *rule, const struct hole *hole)
{
	const struct hole *first = &holes->hole;
	if (first->answers == hole->answers && first->acceptor == hole->acceptor &&
	    first->dropper == hole->dropper && first->chain == hole->chain && row_extend(&holes->row, rule))
		return;
	flush(holes);
	row_begin(&holes->row, rule);
	holes->hole = *hole;
}

static int look_at(struct holes *holes, const struct rule *rule)
{
	struct packet packet;
	struct hole hole = {0};
	struct check *check = holes->check;
	unsigned hooks = rule->chain->reached & (1u << HOOK_PREROUTING | 1u << HOOK_OUTPUT);
	bool found = false, arrives = hooks & 1u << HOOK_PREROUTING;
	if (!hooks || (hooks & (hooks - 1)) || holes->looked++ >= holes->limit)
		return 0;
	int error = witness_find(check, &rule, 1, &packet);
	if (error)
		return error == -ESRCH ? 0 : error;
	packet.known &= ~(uint32_t)KNOWN_STATE;
	if (strcmp(packet.in, "lo") == 0 || strcmp(packet.out, "lo") == 0)
		return 0;
	if (arrives) {
		error = itself(check, rule, &packet, &hole, &found);
		if (!error && !found)
			error = answers(check, rule, &packet, &hole, &found);
	} else {
		error = answered(check, rule, &packet, &hole, &found);
	}
	if (!error && found)
		add(holes, rule, &hole);
	return error;
}

static int run(struct check *check)
{
	for (int family = 0; family < FAMILY_COUNT; family++) {
		const struct table *raw = check_table(check, (enum family)family, TABLE_RAW);
		struct holes holes = {.check = check,
				      .limit = probes_affordable(check, (enum family)family) / PROBES_EACH};
		for (size_t i = 0; raw && i < raw->chain_count; i++)
			for (size_t j = 0; j < raw->chains[i]->rule_count; j++) {
				const struct rule *rule = &raw->chains[i]->rules[j];
				int error =
				    rule->target.type->kind == TARGET_NOTRACK ? look_at(&holes, rule) : 0;
				if (error)
					return error;
			}
		flush(&holes);
	}
	return 0;
}

const struct finding_type finding_stateless_hole = {
    .code = "stateless-hole",
    .severity = SEVERITY_ERROR,
    .title = "untracked traffic that only a rule on state accepts",
    .why = "An untracked packet is neither NEW nor ESTABLISHED, so the rules that let it in before NOTRACK "
	   "was added no "
	   "longer do: a service stops answering, or the host's own queries (DNS) time out.",
    .action = "Accept it by its addresses and ports in front of what drops it, or leave it tracked.",
    .run = run,
};
