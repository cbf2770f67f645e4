/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What findings share. Nobody above this folder includes it. */
#ifndef WEIR_CHECK_CONTEXT_H
#define WEIR_CHECK_CONTEXT_H

#include "check/check.h"
#include "engine/engine.h"
#include "extension/extension.h"
#include "ruleset/extension_type.h"

/* Kept of one kind: who has more of them mends these first. Of notes fewer: they must not bury the rest. */
#define FOUND_MAX 100
#define NOTES_MAX 20
#define FOUND_LABELS_MAX 8 /* what a diagnostic takes */

struct found {
	const struct finding_type *type;
	enum severity severity;
	struct span span;
	const char *message, *hint; /* NULL hint: the type's action */
	size_t label_count;
	struct {
		struct span span;
		const char *message;
	} labels[FOUND_LABELS_MAX];
};

struct check {
	const struct ruleset *ruleset;
	const struct check_options *options;
	struct arena *arena;
	const struct finding_type *type; /* that runs */
	size_t type_count;               /* found of it */
	size_t found_count, found_capacity;
	struct found **found;
	struct check_result *result;
	struct ruleset *without_raw; /* lazily */
	struct engine *engines[2];   /* for packets that leave: all of it, and without raw; lazily */
	struct interfaces *interfaces[FAMILY_COUNT]; /* lazily */
	struct reaches *reaches;                     /* lazily: reaches.c */
	size_t members;                              /* of sets that were laid out for diagrams: witness.c */
	bool failed;                                 /* memory was short */
};

/* A finding of the type that runs. NULL when it is not kept; the functions below accept that. */
__attribute__((format(printf, 3, 4))) struct found *check_add(struct check *check, struct span span,
							      const char *format, ...);
__attribute__((format(printf, 4, 5))) void found_label(struct check *check, struct found *found,
						       struct span span, const char *format, ...);
/* What to do, in place of the type's action. */
__attribute__((format(printf, 3, 4))) void found_hint(struct check *check, struct found *found,
						      const char *format, ...);
static inline void found_severity(struct check *check, struct found *found, enum severity severity)
{
	if (found) {
		check->result->found[found->severity]--;
		check->result->found[severity]++;
		found->severity = severity;
	}
}

/* A text that lives as long as the check; "?" when memory is short. */
const char *check_text(struct check *check, struct buffer *buffer);

/* Every chain or rule of every table present, families and tables in order. Stops with what visit returns
 * when that is not 0. */
typedef int (*table_visit)(struct check *check, const struct table *table);
typedef int (*chain_visit)(struct check *check, const struct chain *chain);
typedef int (*rule_visit)(struct check *check, const struct rule *rule);
int check_tables(struct check *check, table_visit visit);
int check_chains(struct check *check, chain_visit visit);
int check_rules(struct check *check, rule_visit visit);

static inline enum family rule_family(const struct rule *rule)
{
	return rule->chain->table->family;
}
/* The table when it is there, else NULL. */
static inline const struct table *check_table(const struct check *check, enum family family, enum table_id id)
{
	const struct table *table = &check->ruleset->tables[family][id];
	return table->present ? table : NULL;
}
static inline const struct chain *check_hook(const struct check *check, enum family family, enum table_id id,
					     enum hook hook)
{
	const struct table *table = check_table(check, family, id);
	return table ? table->hooks[hook] : NULL;
}
static inline const char *family_name(enum family family)
{
	return family == FAMILY_IPV4 ? "IPv4" : "IPv6";
}
static inline bool kind_is_terminal(enum target_kind kind)
{
	return kind == TARGET_ACCEPT || kind == TARGET_DROP || kind == TARGET_REJECT || kind == TARGET_RETURN;
}

/* --- shape.c: what rules ask, beside each other
 * -------------------------------------------------------- */

/* Nothing but the protocol, an interface, or a comment: see the fields. */
bool rule_has_source(const struct rule *rule); /* some part of the address is asked about */
bool rule_has_destination(const struct rule *rule);
bool interface_is_any(const struct interface_match *match);
bool interface_matches(const struct interface_match *match, const char *name);
/* The rule asks nothing: every packet that comes to it matches. */
bool rule_is_unconditional(const struct rule *rule);
/* It drops all that comes from some sources: nothing but the source is asked about. */
bool rule_is_ban(const struct rule *rule);

/* The parts of a rule that may be an element of a set. */
enum key_part {
	KEY_SOURCE = 1 << 0,
	KEY_DESTINATION = 1 << 1,
	KEY_PROTOCOL = 1 << 2, /* TCP or UDP, with a port */
	KEY_SPORT = 1 << 3,
	KEY_DPORT = 1 << 4,
	KEY_MAC = 1 << 5,
};
struct rule_key {
	unsigned parts; /* those it has, as a single value each */
	struct address_range source, destination;
	uint8_t protocol;
	uint16_t sport, dport;
	const char *mac;  /* "-m mac --mac-source ..." */
	const char *rest; /* all else, target included, without comments: as iptables-save prints it */
};
/* 0 or -ENOMEM. */
int rule_key_read(struct check *check, const struct rule *rule, struct rule_key *key);
/* Which of the parts have another value. */
unsigned rule_key_differs(const struct rule_key *a, const struct rule_key *b);
/* No packet can match both, as far as the keys show; the rests may be different. */
bool rule_key_disjoint(const struct rule_key *a, const struct rule_key *b);
/* How iptables-save prints the target: "-j DROP"; and all but the target. */
const char *rule_target_text(struct check *check, const struct rule *rule);
const char *rule_condition_text(struct check *check, const struct rule *rule);
/* The type of ipset that holds keys which differ in these parts, and the directions to ask it: NULL when
 * there is none. `nets`: of the parts that are addresses, those of which some are prefixes. */
const char *key_set_type(unsigned differs, unsigned nets, const char **directions);
/* Those of the key's addresses that are not single. */
unsigned rule_key_nets(const struct rule_key *key);
/* It asks about the source port, or the destination port, by itself or in a set. */
bool rule_asks_port(struct check *check, const struct rule *rule, bool source);
/* Whether evaluating its matches leaves traces: two of them are not one for both. */
bool rule_has_memory(const struct rule *rule);
/* The states (1 << enum connection_state) in which it may match. */
unsigned rule_states(const struct rule *rule);
#define STATES_ALL ((1u << STATE_COUNT) - 1)
/* The match looks at the state, and is true in each. */
bool match_ignores_state(const struct rule *rule, const struct match *match);
/* One of its matches looks at the connection. */
bool rule_reads_state(const struct rule *rule);

/* Rules of one chain that stand behind each other and are reported together. */
struct row {
	const struct rule *first, *last;
	size_t count; /* 0: empty */
};
/* Whether the rule goes on with the row; then it is in it. */
static inline bool row_extend(struct row *row, const struct rule *rule)
{
	if (!row->count || row->last->chain != rule->chain || row->last + 1 != rule)
		return false;
	row->last = rule;
	row->count++;
	return true;
}
static inline void row_begin(struct row *row, const struct rule *rule)
{
	*row = (struct row){rule, rule, 1};
}

/* --- probe.c: packets sent through the engine
 * ---------------------------------------------------------- */

/* Interfaces by which packets from elsewhere may come: the first one is named by no rule, then those that the
 * rules of the family name, one for each pattern; lo is not among them. */
#define INTERFACES_MAX 64
struct interfaces {
	size_t count;
	char names[INTERFACES_MAX][INTERFACE_NAME_MAX];
};
const struct interfaces *check_interfaces(struct check *check, enum family family); /* NULL: no memory */

/* A whole packet that comes in by that interface; all else is unknown. */
struct packet probe_packet(enum family family, const char *interface);
void probe_protocol(struct packet *packet, uint8_t protocol);
void probe_ports(struct packet *packet, uint16_t source, uint16_t destination);
void probe_destination_port(struct packet *packet, uint16_t port);
void probe_source(struct packet *packet, address value);
void probe_state(struct packet *packet, enum connection_state state);
/* What comes back: addresses and ports swapped, going out where it came in. */
struct packet probe_answer(const struct packet *packet);
/* What comes in as an answer to this one that leaves. */
struct packet probe_answered(struct check *check, const struct packet *packet);

/* Whether it comes by that rule, and what becomes of it. */
struct probe {
	const struct rule *rule; /* in: to be watched for; may be NULL */
	bool without_raw;        /* in: as if there were no table raw */
	enum truth met;          /* the rule matched */
	enum truth notrack; /* something in raw made it untracked, or may have done something to its state */
	size_t walked;      /* rules of filter tried */
	struct outcome outcome;
};
/* 0 or -ENOMEM. */
int probe_arrival(struct check *check, const struct packet *packet, enum path path, struct probe *probe);
int probe_leaving(struct check *check, const struct packet *packet, struct probe *probe);
static inline bool probe_accepted(const struct probe *probe)
{
	return probe->outcome.verdicts == VERDICT_ACCEPT;
}
static inline bool probe_dropped(const struct probe *probe)
{
	return probe->outcome.verdicts == VERDICT_DROP || probe->outcome.verdicts == VERDICT_REJECT;
}
/* Accepted by no completion of the packet. */
static inline bool probe_closed(const struct probe *probe)
{
	return !(probe->outcome.verdicts & (VERDICT_ACCEPT | VERDICT_UNKNOWN));
}

/* How many packets may be sent through the family's rules by one finding: some second's worth. What is beyond
 * is not looked at; a finding that is missed is better than one that never comes. */
size_t probes_affordable(const struct check *check, enum family family);

/* A packet that matches all of these rules (of one family), not by lo where another interface does too. Every
 * field is known. 0; -ESRCH: none was found; -ENOMEM. */
int witness_find(struct check *check, const struct rule *const *rules, size_t count, struct packet *packet);
/* Whether every packet that matches the first rule matches the second, too; not when that cannot be decided,
 * or hangs on what is not modelled. 0 or -ENOMEM. */
int rule_lies_in(struct check *check, const struct rule *inner, const struct rule *outer, bool *inside);
/* The same of several rules together; UNKNOWN when it cannot be decided. */
int rule_lies_among(struct check *check, const struct rule *inner, const struct rule *const *outers,
		    size_t count, enum truth *inside);
/* Only what the rule itself says for certain: a packet of which all packets that match are special cases. */
struct packet probe_of_rule(const struct rule *rule);

/* The packet in weir's notation, for a message. */
const char *probe_text(struct check *check, const struct packet *packet);

#endif
