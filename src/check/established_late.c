/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How many rules a packet of a known connection walks before one accepts it. It is measured on a packet that
 * stands for most: TCP, between addresses and ports that no list names, by each interface in turn. */
#include "check/findings.h"

#include <netinet/in.h>

#define CANDIDATES_MAX 16 /* rules that accept what is established: most rulesets have one or two */
#define LATE_MIN 50       /* rules: a few microseconds for each packet of every connection */

static struct packet typical(enum family family, const char *interface)
{
	struct packet packet = probe_packet(family, interface);
	bool v4 = family == FAMILY_IPV4;
	probe_protocol(&packet, IPPROTO_TCP);
	packet.tcp_flags = 0x10; /* ACK */
	probe_ports(&packet, 50311, 50312);
	probe_source(&packet, v4 ? 0xcb0071f3 : (address)0x20010db8 << 96 | 0xfff3);
	address_to_bytes(family, v4 ? 0xcb0071f4 : (address)0x20010db8 << 96 | 0xfff4, packet.destination);
	packet.known |= KNOWN_DESTINATION;
	probe_state(&packet, STATE_ESTABLISHED);
	return packet;
}

/* Accepts what is established, for that and not for its addresses. */
static bool accepts_established(const struct rule *rule, enum hook hook)
{
	return rule->target.type->kind == TARGET_ACCEPT && rule->chain->reached & 1u << hook &&
	       !rule_has_source(rule) && !rule_has_destination(rule) && rule_reads_state(rule) &&
	       (rule_states(rule) & (1u << STATE_ESTABLISHED | 1u << STATE_NEW)) == 1u << STATE_ESTABLISHED;
}

struct candidates {
	size_t count;
	const struct rule *rules[CANDIDATES_MAX];
};

static void find_candidates(const struct table *filter, enum hook hook, struct candidates *candidates)
{
	for (size_t i = 0; i < filter->chain_count; i++)
		for (size_t j = 0; j < filter->chains[i]->rule_count; j++) {
			const struct rule *rule = &filter->chains[i]->rules[j];
			if (candidates->count < CANDIDATES_MAX && accepts_established(rule, hook))
				candidates->rules[candidates->count++] = rule;
		}
}

/* The rule that a packet by this interface is accepted by, of those, and how many it was compared with. */
static int measure(struct check *check, const struct packet *packet, enum path path,
		   const struct candidates *candidates, const struct rule **rule, size_t *walked)
{
	*rule = NULL;
	for (size_t i = 0; i < candidates->count; i++) {
		/* What raw drops is another matter. */
		struct probe probe = {.rule = candidates->rules[i], .without_raw = true};
		int error = probe_arrival(check, packet, path, &probe);
		if (error)
			return error;
		if (probe.met != TRUTH_NO && (!*rule || probe.walked < *walked)) {
			*rule = candidates->rules[i];
			*walked = probe.walked;
		}
	}
	return 0;
}

static int run_path(struct check *check, enum family family, enum path path)
{
	const struct interfaces *interfaces = check_interfaces(check, family);
	const struct table *filter = check_table(check, family, TABLE_FILTER);
	struct candidates candidates = {0};
	const struct rule *worst = NULL;
	size_t most = 0;
	if (!interfaces)
		return -ENOMEM;
	if (!filter)
		return 0;
	find_candidates(filter, path == PATH_INPUT ? HOOK_INPUT : HOOK_FORWARD, &candidates);
	for (size_t i = 0; i < interfaces->count; i++) {
		struct packet packet = typical(family, interfaces->names[i]);
		const struct rule *rule;
		size_t walked = 0;
		int error = measure(check, &packet, path, &candidates, &rule, &walked);
		if (error)
			return error;
		if (rule && walked > most) {
			worst = rule;
			most = walked;
		}
	}
	if (most > LATE_MIN)
		check_add(check, worst->span,
			  "a packet of an established connection is compared with %zu rules of filter before "
			  "this one "
			  "accepts it",
			  most - 1);
	return 0;
}

static int run(struct check *check)
{
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (int path = PATH_INPUT; path <= PATH_FORWARD; path++) {
			int error = check->ruleset->has_family[family]
					? run_path(check, (enum family)family, (enum path)path)
					: 0;
			if (error)
				return error;
		}
	return 0;
}

const struct finding_type finding_established_late = {
    .code = "established-late",
    .severity = SEVERITY_WARNING,
    .title = "established connections are accepted behind many rules",
    .why = "Nearly all packets of a host belong to connections that were let in long ago, and each of them "
	   "pays for "
	   "all rules in front of the one that accepts them. When a flood makes packets slow, that is the "
	   "session "
	   "of the operator, too.",
    .action = "Move the rule that accepts RELATED,ESTABLISHED to the front. Bans behind it then stop new "
	      "connections "
	      "only: end those that are open with conntrack -D, or keep the bans in one set in front of it.",
    .run = run,
};
