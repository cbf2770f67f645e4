/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ports that are open over one family and closed over the other. One port of each range that the rules tell
 * apart is tried, as a new connection from sources that no list should name. Open is what is accepted for
 * sure, closed what no packet gets through; "in part" between the two is only told where the other family
 * is closed. */
#include "check/findings.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define BORDERS_MAX 4096   /* first ports of ranges */
#define WORK_MAX 20000000u /* rules times packets: a second */
#define SHOWN_MAX 12       /* ranges named in a message */

enum openness { PORT_CLOSED, PORT_PARTLY, PORT_OPEN };

struct ports {
	bool borders[65537]; /* where a range begins */
	size_t count;
};

static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};

static void add_border(struct ports *ports, unsigned long port)
{
	if (port < 65536 && !ports->borders[port] && ports->count < BORDERS_MAX) {
		ports->borders[port] = true;
		ports->count++;
	}
}

/* "80,443,8000:8100" */
static void add_list(struct ports *ports, const char *text)
{
	while (*text >= '0' && *text <= '9') {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;
		if (*end == ':')
			last = strtoul(end + 1, &end, 10);
		add_border(ports, first);
		add_border(ports, last + 1);
		text = *end == ',' ? end + 1 : end;
	}
}

static void add_match(struct check *check, const struct rule *rule, const struct match *match,
		      struct ports *ports)
{
	static const char *const options[] = {"--dport ", "--dports ", "--ports "};
	struct set_question question;
	if (match_set_question(match, &question)) {
		for (size_t i = 0; i < question.set->member_count && i < BORDERS_MAX; i++) {
			struct set_member member;
			set_member_get(question.set, i, &member);
			if (member.port) {
				add_border(ports, member.port);
				add_border(ports, member.port + 1ul);
			}
		}
		return;
	}
	if (!match->type->modelled)
		return;
	struct buffer text = {0};
	match->type->print(match, rule, &text);
	for (size_t i = 0; text.data && i < sizeof(options) / sizeof(options[0]); i++) {
		const char *found = strstr(text.data, options[i]);
		if (found)
			add_list(ports, found + strlen(options[i]));
	}
	if (text.failed)
		check->failed = true;
	buffer_fini(&text);
}

static size_t find_ports(struct check *check, struct ports *ports)
{
	static const enum table_id tables[] = {TABLE_RAW, TABLE_MANGLE, TABLE_FILTER, TABLE_SECURITY};
	size_t rules = 0;
	add_border(ports, 1); /* 0 is nobody's */
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
			const struct table *table = check_table(check, (enum family)family, tables[t]);
			for (size_t i = 0; table && i < table->chain_count; i++) {
				const struct chain *chain = table->chains[i];
				if (!(chain->reached & (1u << HOOK_PREROUTING | 1u << HOOK_INPUT)))
					continue;
				rules += chain->rule_count;
				for (size_t j = 0; j < chain->rule_count; j++)
					for (uint32_t m = 0; m < chain->rules[j].match_count; m++)
						add_match(check, &chain->rules[j],
							  &chain->rules[j].matches[m], ports);
			}
		}
	return rules;
}

/* From three corners of the address space: what is so for all of them is so from nearly anywhere. */
static int try_port(struct check *check, enum family family, const char *interface, uint8_t protocol,
		    uint16_t port, enum openness *openness, const struct rule **rule)
{
	static const unsigned corners[FAMILY_COUNT][3] = {{0x19, 0x50, 0xc8}, {0x24, 0x26, 0x2a}};
	size_t open = 0, closed = 0;
	for (size_t i = 0; i < 3; i++) {
		struct packet packet = probe_packet(family, interface);
		struct probe probe = {0};
		unsigned shift = family == FAMILY_IPV4 ? 24 : 120;
		probe_protocol(&packet, protocol);
		probe_destination_port(&packet, port);
		probe_source(&packet, (address)corners[family][i] << shift | 0x2121);
		probe_state(&packet, STATE_NEW);
		int error = probe_arrival(check, &packet, PATH_INPUT, &probe);
		if (error)
			return error;
		open += probe_accepted(&probe);
		closed += probe_closed(&probe);
		*rule = probe.outcome.rule;
	}
	*openness = open == 3 ? PORT_OPEN : closed == 3 ? PORT_CLOSED : PORT_PARTLY;
	return 0;
}

/* What one family has over the other. */
struct gap {
	size_t count;
	struct {
		uint8_t protocol;
		unsigned first, last;
	} ranges[SHOWN_MAX + 1];                        /* the last one: of all that are not shown */
	const struct rule *rules[FOUND_LABELS_MAX - 1]; /* that accept */
	size_t rule_count;
};

static void add_rule(struct gap *gap, const struct rule *rule)
{
	for (size_t i = 0; i < gap->rule_count; i++)
		if (gap->rules[i] == rule)
			return;
	if (rule && gap->rule_count < sizeof(gap->rules) / sizeof(gap->rules[0]))
		gap->rules[gap->rule_count++] = rule;
}

static void add_gap(struct gap *gap, uint8_t protocol, unsigned first, unsigned last, const struct rule *rule)
{
	size_t index = gap->count < SHOWN_MAX ? gap->count : SHOWN_MAX;
	add_rule(gap, rule);
	if (gap->count) {
		size_t before = gap->count <= SHOWN_MAX ? gap->count - 1 : SHOWN_MAX;
		if (gap->ranges[before].protocol == protocol && gap->ranges[before].last + 1 == first) {
			gap->ranges[before].last = last;
			return;
		}
	}
	gap->ranges[index].protocol = protocol;
	gap->ranges[index].first = first;
	gap->ranges[index].last = last;
	gap->count++;
}

static const char *gap_text(struct check *check, const struct gap *gap)
{
	struct buffer text = {0};
	for (size_t i = 0; i < gap->count && i < SHOWN_MAX; i++) {
		buffer_printf(&text, "%s%s %u", i ? ", " : "",
			      gap->ranges[i].protocol == IPPROTO_TCP ? "tcp" : "udp", gap->ranges[i].first);
		if (gap->ranges[i].last != gap->ranges[i].first)
			buffer_printf(&text, " to %u", gap->ranges[i].last);
	}
	if (gap->count > SHOWN_MAX)
		buffer_printf(&text, " and %zu more ranges", gap->count - SHOWN_MAX);
	return check_text(check, &text);
}

static void report_gap(struct check *check, struct gap *gap, enum family open, bool partly,
		       const char *interface)
{
	enum family closed = open == FAMILY_IPV4 ? FAMILY_IPV6 : FAMILY_IPV4;
	const struct chain *input = check_hook(check, closed, TABLE_FILTER, HOOK_INPUT);
	if (!gap->count)
		return;
	struct buffer way = {0};
	if (interface)
		buffer_printf(&way, " by %s", interface);
	const char *ports = gap_text(check, gap), *by = check_text(check, &way);
	struct found *found =
	    partly ? check_add(check, input->span,
			       "%s: over %s new connections are let in to some addresses or under some "
			       "condition%s, over "
			       "%s to none",
			       ports, family_name(open), by, family_name(closed))
		   : check_add(check, input->span, "%s: open to anybody over %s%s, closed over %s", ports,
			       family_name(open), by, family_name(closed));
	for (size_t i = 0; i < gap->rule_count; i++)
		found_label(check, found, gap->rules[i]->span, "lets it in over %s", family_name(open));
	const struct chain *other = check_hook(check, open, TABLE_FILTER, HOOK_INPUT);
	if (!gap->rule_count && other->policy == POLICY_ACCEPT)
		found_label(check, found, other->span, "this policy lets it in over %s", family_name(open));
	if (partly)
		found_severity(check, found, SEVERITY_NOTE);
}

/* DHCP is another protocol over IPv6. */
static bool differs_by_nature(enum family open, uint8_t protocol, unsigned first, unsigned last)
{
	if (protocol != IPPROTO_UDP)
		return false;
	return open == FAMILY_IPV4 ? first >= 67 && last <= 68 : first >= 546 && last <= 547;
}

struct comparison {
	struct gap gaps[FAMILY_COUNT][2]; /* by the family that is open; partly, surely */
};

static int compare_range(struct check *check, struct comparison *comparison, const char *const *interfaces,
			 uint8_t protocol, unsigned first, unsigned last)
{
	enum openness openness[FAMILY_COUNT];
	const struct rule *rules[FAMILY_COUNT];
	for (int family = 0; family < FAMILY_COUNT; family++) {
		int error = try_port(check, (enum family)family, interfaces[family], protocol,
				     (uint16_t)first, &openness[family], &rules[family]);
		if (error)
			return error;
	}
	for (int family = 0; family < FAMILY_COUNT; family++)
		if (openness[!family] == PORT_CLOSED && openness[family] != PORT_CLOSED &&
		    !differs_by_nature((enum family)family, protocol, first, last))
			add_gap(&comparison->gaps[family][openness[family] == PORT_OPEN], protocol, first,
				last, openness[family] == PORT_OPEN ? rules[family] : NULL);
	return 0;
}

static int compare_interface(struct check *check, const struct ports *ports, const char *const *interfaces,
			     bool named, bool *differs)
{
	struct comparison comparison = {0};
	int error = 0;
	for (size_t p = 0; p < sizeof(protocols) && !error; p++)
		for (unsigned first = 1; first < 65536 && !error;) {
			unsigned last = first;
			while (last < 65535 && !ports->borders[last + 1])
				last++;
			error = compare_range(check, &comparison, interfaces, protocols[p], first, last);
			first = last + 1;
		}
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (int sure = 0; sure < 2; sure++) {
			struct gap *gap = &comparison.gaps[family][sure];
			*differs |= gap->count != 0;
			report_gap(check, gap, (enum family)family, !sure, named ? interfaces[0] : NULL);
		}
	return error;
}

static int compare_families(struct check *check, const struct ports *ports, size_t rules)
{
	const struct interfaces *v4 = check_interfaces(check, FAMILY_IPV4);
	const struct interfaces *v6 = check_interfaces(check, FAMILY_IPV6);
	bool differs = false;
	size_t work = 0, each = (rules + 1) * (ports->count + 1) * sizeof(protocols) * 3;
	if (!v4 || !v6)
		return -ENOMEM;
	/* Whatever interface the rules do not name; else one that both name. */
	for (size_t i = 0; i < v4->count && !differs; i++)
		for (size_t j = 0; j < v6->count && !differs; j++) {
			const char *interfaces[] = {v4->names[i], v6->names[j]};
			if ((i == 0) != (j == 0) || (i && strcmp(interfaces[0], interfaces[1]) != 0))
				continue;
			work += each;
			if (work > WORK_MAX)
				return 0;
			int error = compare_interface(check, ports, interfaces, i != 0, &differs);
			if (error)
				return error;
		}
	return 0;
}

static int run(struct check *check)
{
	for (int family = 0; family < FAMILY_COUNT; family++)
		if (!check->ruleset->has_family[family] ||
		    !check_hook(check, (enum family)family, TABLE_FILTER, HOOK_INPUT))
			return 0;
	struct ports *ports = arena_alloc(check->arena, sizeof(*ports));
	if (!ports)
		return -ENOMEM;
	size_t rules = find_ports(check, ports);
	return ports->count < BORDERS_MAX ? compare_families(check, ports, rules) : 0;
}

const struct finding_type finding_family_gap = {
    .code = "family-gap",
    .severity = SEVERITY_WARNING,
    .title = "IPv4 and IPv6 let different ports in",
    .why = "Most hosts have both, and names lead to both: what is closed over one family and open over the "
	   "other was "
	   "forgotten on one side. Either a service is open that was meant to be closed, or it fails for "
	   "half the clients.",
    .action = "Write the rule for the other family, too, or close the port in both.",
    .run = run,
};
