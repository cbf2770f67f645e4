/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * NOTRACK for one direction only. For each such rule a packet that it matches is made, and its answer is sent
 * the way that answers go: raw OUTPUT for what is delivered here; raw PREROUTING, by whatever interface, for
 * what is forwarded. Only where neither could make it untracked, something is said. */
#include "check/findings.h"

#include <string.h>

#define PROBES_EACH 5 /* packets sent for one rule, at most */

struct mirror {
	struct check *check;
	struct row row;
	struct packet answer; /* to the first one's */
	bool passes;          /* it is forwarded, not delivered: answers come in, too */
	size_t looked, limit; /* rules */
};

static void flush(struct mirror *mirror)
{
	const struct row row = mirror->row;
	mirror->row.count = 0;
	if (!row.count)
		return;
	struct buffer what = {0};
	bool leaves = row.first->chain->reached & 1u << HOOK_PREROUTING && !mirror->passes;
	if (row.count == 1)
		buffer_puts(&what, "this rule makes packets untracked");
	else
		buffer_printf(&what, "%zu rules from here on make packets untracked", row.count);
	struct found *found =
	    check_add(mirror->check, row.first->span, "%s, but no rule does so for their answers",
		      check_text(mirror->check, &what));
	if (row.count > 1)
		found_label(mirror->check, found, row.last->span, "the last of them");
	found_hint(mirror->check, found,
		   "In raw %s make the answers untracked, too: the same match with -s and -d, --sport and "
		   "--dport, src "
		   "and dst exchanged, and the interface they %s by. An answer that stays tracked is, for "
		   "example: %s",
		   leaves ? "OUTPUT (PREROUTING, of what is forwarded)" : "PREROUTING",
		   leaves ? "leave" : "come", probe_text(mirror->check, &mirror->answer));
}

static void add(struct mirror *mirror, const struct rule *rule, const struct packet *answer, bool passes)
{
	if (mirror->passes == passes && row_extend(&mirror->row, rule))
		return;
	flush(mirror);
	row_begin(&mirror->row, rule);
	mirror->answer = *answer;
	mirror->passes = passes;
}

/* Groups and broadcasts are not answered to. */
static bool is_group(enum family family, const uint8_t *destination)
{
	return family == FAMILY_IPV4 ? destination[0] >= 224 : destination[0] == 0xff;
}

static bool has_answer(const struct packet *packet)
{
	bool v4 = packet->family == FAMILY_IPV4;
	if (is_group(packet->family, packet->destination) || strcmp(packet->in, "lo") == 0 ||
	    strcmp(packet->out, "lo") == 0)
		return false;
	if (packet->known & KNOWN_ICMP) /* echo */
		return v4 ? packet->icmp_type == 0 || packet->icmp_type == 8
			  : packet->icmp_type == 128 || packet->icmp_type == 129;
	return true;
}

/* *answer is tracked for sure, whichever way it takes. */
static int arriving(struct check *check, const struct rule *rule, const struct packet *packet,
		    struct packet *answer, bool *one_sided, bool *passes)
{
	struct probe input = {.rule = rule}, forward = {.rule = rule}, leaving = {0}, passing = {0};
	*one_sided = *passes = false;
	int error = probe_arrival(check, packet, PATH_INPUT, &input);
	if (!error)
		error = probe_arrival(check, packet, PATH_FORWARD, &forward);
	if (error || input.met != TRUTH_YES || (probe_closed(&input) && probe_closed(&forward)))
		return error;
	*answer = probe_answer(packet);
	struct packet through = *answer;
	through.known &= ~(uint32_t)(KNOWN_IN | KNOWN_OUT);
	error = probe_leaving(check, answer, &leaving);
	if (!error)
		error = probe_arrival(check, &through, PATH_FORWARD, &passing);
	*one_sided = !error && leaving.notrack == TRUTH_NO && passing.notrack == TRUTH_NO;
	*passes = probe_closed(&input);
	if (*passes)
		*answer = through;
	return error;
}

static int departing(struct check *check, const struct rule *rule, const struct packet *packet,
		     struct packet *answer, bool *one_sided, bool *passes)
{
	struct probe leaving = {.rule = rule}, back = {0};
	*one_sided = *passes = false;
	int error = probe_leaving(check, packet, &leaving);
	if (error || leaving.met != TRUTH_YES || probe_closed(&leaving))
		return error;
	*answer = probe_answered(check, packet);
	error = probe_arrival(check, answer, PATH_INPUT, &back);
	*one_sided = !error && back.notrack == TRUTH_NO;
	return error;
}

static int look_at(struct mirror *mirror, const struct rule *rule)
{
	struct packet packet, answer;
	bool arrives = rule->chain->reached & 1u << HOOK_PREROUTING;
	bool departs = rule->chain->reached & 1u << HOOK_OUTPUT, one_sided, passes;
	if (arrives == departs || mirror->looked++ >= mirror->limit)
		return 0;
	int error = witness_find(mirror->check, &rule, 1, &packet);
	if (error)
		return error == -ESRCH ? 0 : error;
	if (!has_answer(&packet))
		return 0;
	packet.known &= ~(uint32_t)KNOWN_STATE;
	error = (arrives ? arriving : departing)(mirror->check, rule, &packet, &answer, &one_sided, &passes);
	if (!error && one_sided)
		add(mirror, rule, &answer, passes);
	return error;
}

static int run(struct check *check)
{
	for (int family = 0; family < FAMILY_COUNT; family++) {
		struct mirror mirror = {.check = check,
					.limit = probes_affordable(check, (enum family)family) / PROBES_EACH};
		const struct table *raw = check_table(check, (enum family)family, TABLE_RAW);
		for (size_t i = 0; raw && i < raw->chain_count; i++)
			for (size_t j = 0; j < raw->chains[i]->rule_count; j++) {
				const struct rule *rule = &raw->chains[i]->rules[j];
				if (rule->target.type->kind != TARGET_NOTRACK)
					continue;
				int error = look_at(&mirror, rule);
				if (error)
					return error;
			}
		flush(&mirror);
	}
	return 0;
}

const struct finding_type finding_notrack_one_sided = {
    .code = "notrack-one-sided",
    .severity = SEVERITY_WARNING,
    .title = "NOTRACK for one direction only",
    .why = "The answers meet conntrack, which has never seen what they answer to: each flow gets an entry "
	   "all the same, so "
	   "the table fills up as if there were no NOTRACK, and rules see the answers as NEW or INVALID.",
    .action = "Write the mirrored rule: PREROUTING for what comes in, OUTPUT for what leaves.",
    .run = run,
};
