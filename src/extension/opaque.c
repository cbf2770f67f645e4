/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What stands in for every match and target that is not modelled. Its text is kept by the reader; whether it
 * matches is unknown, and it is one predicate: how far that may be shared, what evaluating the match does to
 * others, and whether it looks at the packet's connection, a table says for each match that comes with
 * Debian's iptables. Of a match that is not in the table the worst is assumed. */
#include "extension/option.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>
#include <string.h>

struct opaque_match {
	const char *name;
	enum opaque_sharing sharing;
	unsigned effects;
	bool reads_state;
	/* "! --option" is true exactly where "--option" is not, when it is the only option. Of many matches
	 * both are false where the header or the device they look at is not there. */
	bool exact;
};

/* OPAQUE_TABLE where NAT, marks, TTL or a socket make the answer another one behind another table.
 * OPAQUE_RULE where two evaluations may differ although nothing was changed between. */
static const struct opaque_match matches[] = {
    {"cgroup", OPAQUE_TABLE, 0, false, false},
    {"cluster", OPAQUE_TABLE, 0, true, false}, /* by the connection's source */
    {"connbytes", OPAQUE_TABLE, 0, true, false},
    {"connlabel", OPAQUE_RULE, EFFECT_CONNTRACK, true, false}, /* --set */
    {"connlimit", OPAQUE_RULE, EFFECT_STATE, true, false},
    {"cpu", OPAQUE_RULE, 0, false, true},
    {"devgroup", OPAQUE_TABLE, 0, false, false},
    {"hashlimit", OPAQUE_RULE, EFFECT_STATE, false, false},
    {"helper", OPAQUE_TABLE, 0, true, false},
    {"ipvs", OPAQUE_RULE, EFFECT_UNKNOWN, true, false}, /* looks connections of IPVS up, and holds them */
    {"nfacct", OPAQUE_RULE, EFFECT_COUNTER, false, false},
    {"osf", OPAQUE_RULE, EFFECT_LOG, false, false},
    {"physdev", OPAQUE_TABLE, 0, false, false},
    {"policy", OPAQUE_TABLE, 0, false, false},
    {"rateest", OPAQUE_RULE, EFFECT_COUNTER, false, false},
    {"realm", OPAQUE_TABLE, 0, false, false},
    {"recent", OPAQUE_RULE, EFFECT_STATE, false, false},
    {"rpfilter", OPAQUE_TABLE, 0, true, false}, /* with --validmark by the mark */
    {"sctp", OPAQUE_TABLE, 0, false, false},
    {"socket", OPAQUE_RULE, 0, true, false}, /* looks the connection of a NAT reply up */
    {"time", OPAQUE_RULE, 0, false, false},
};

static const struct opaque_match unlisted = {NULL, OPAQUE_RULE, EFFECT_UNKNOWN, true, false};

/* Options that make a match another thing than its entry says. */
static const struct {
	const char *name, *option;
	unsigned effects;
} special[] = {
    {"socket", " --restore-skmark", EFFECT_UNKNOWN}, /* changes the packet's mark */
};

static const struct opaque_data *data_of(const struct match *match)
{
	return match->data;
}

static const struct opaque_match *entry_of(const struct match *match)
{
	for (size_t i = 0; i < sizeof(matches) / sizeof(*matches); i++) {
		if (text_is(data_of(match)->name, matches[i].name))
			return &matches[i];
	}
	return &unlisted;
}

static struct unseen unseen_of(const struct match *match)
{
	return (struct unseen){entry_of(match)->sharing, entry_of(match)->exact};
}

static bool has_option(struct text text, const char *option)
{
	return memmem(text.data, text.size, option, strlen(option)) != NULL;
}

static void opaque_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	(void)rule;
	buffer_add(out, data_of(match)->text.data, data_of(match)->text.size);
}

static enum truth opaque_evaluate(const struct match *match, const struct rule *rule,
				  const struct packet *packet, struct evaluation *evaluation)
{
	(void)match;
	(void)rule;
	(void)packet;
	(void)evaluation;
	return TRUTH_UNKNOWN;
}

static int opaque_declare(const struct match *match, const struct rule *rule, struct fields *fields)
{
	return unseen_declare_text(match, rule, fields, data_of(match)->text, unseen_of(match));
}

static diagram_node opaque_mean(const struct match *match, const struct rule *rule,
				const struct fields *fields)
{
	return unseen_mean_text(match, rule, fields, data_of(match)->text, unseen_of(match));
}

static unsigned opaque_effects(const struct match *match)
{
	struct text text = data_of(match)->text;
	unsigned effects = entry_of(match)->effects;

	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++) {
		if (text_is(data_of(match)->name, special[i].name) && has_option(text, special[i].option))
			effects |= special[i].effects;
	}
	return effects;
}

bool match_opaque_reads_state(const struct match *match)
{
	return entry_of(match)->reads_state;
}

const struct match_type match_opaque = {
    .name = "",
    .reads_state = true,
    .print = opaque_print,
    .evaluate = opaque_evaluate,
    .declare = opaque_declare,
    .mean = opaque_mean,
    .effects = opaque_effects,
};

static void target_opaque_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct opaque_data *opaque = target->data;
	size_t name = strlen("-j ") + opaque->name.size;
	(void)rule;

	if (opaque->text.size > name)
		buffer_add(out, opaque->text.data + name, opaque->text.size - name);
}

const struct target_type target_opaque = {
    .name = "",
    .kind = TARGET_OPAQUE,
    .effects = EFFECT_UNKNOWN,
    .print = target_opaque_print,
};
