/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m owner: whose socket sends the packet, owner_mt() in net/netfilter/xt_owner.c. Sockets are not known. */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

/* In the order in which iptables-save prints them. */
enum { OWNER_SOCKET, OWNER_USER, OWNER_GROUP, OWNER_SUPPLEMENTARY, OWNER_COUNT };

#define OWNER_ID_MAX (UINT32_MAX - 1) /* (uid_t)-1 is nobody's */

static bool range_parse(struct text text, struct guided_value *value)
{
	struct text low = text, high = text;

	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] == '-' || text.data[i] == ':') {
			low.size = i;
			high = (struct text){text.data + i + 1, text.size - i - 1};
			break;
		}
	return guided_number(low, OWNER_ID_MAX, &value->number) == 0 &&
	       guided_number(high, OWNER_ID_MAX, &value->second) == 0 && value->number <= value->second;
}

/* A name is looked up on this machine, as iptables does: iptables-save writes numbers. */
static bool name_parse(struct text text, bool group, struct guided_value *value)
{
	char name[64];

	if (text.size >= sizeof(name) || memchr(text.data, '\0', text.size))
		return false;
	memcpy(name, text.data, text.size);
	name[text.size] = '\0';
	const struct passwd *user = group ? NULL : getpwnam(name);
	const struct group *entry = group ? getgrnam(name) : NULL;
	if (!user && !entry)
		return false;
	value->number = value->second = group ? entry->gr_gid : user->pw_uid;
	return true;
}

static int user_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	if (word->text.size && (name_parse(word->text, false, value) || range_parse(word->text, value)))
		return 0;
	return guided_refuse(parser, word, "a user's number or name, or FIRST-LAST");
}

static int group_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	if (word->text.size && (name_parse(word->text, true, value) || range_parse(word->text, value)))
		return 0;
	return guided_refuse(parser, word, "a group's number or name, or FIRST-LAST");
}

static const struct guide guides[OWNER_COUNT] = {
    [OWNER_SOCKET] = {.name = "--socket-exists", .kind = GUIDE_FLAG, .flags = GUIDE_INVERTIBLE},
    [OWNER_USER] = {.name = "--uid-owner", .kind = GUIDE_OWN, .flags = GUIDE_INVERTIBLE, .parse = user_value},
    [OWNER_GROUP] = {.name = "--gid-owner",
		     .kind = GUIDE_OWN,
		     .flags = GUIDE_INVERTIBLE,
		     .parse = group_value},
    [OWNER_SUPPLEMENTARY] = {.name = "--suppl-groups", .kind = GUIDE_FLAG},
};

static int owner_parse(struct rule_parser *parser, struct match *match)
{
	const char *supplementary = guides[OWNER_SUPPLEMENTARY].name;

	if (parser_option_is(parser, supplementary) && !(guided_taken(match->data) >> OWNER_GROUP & 1)) {
		diagnostic_hint(parser_error(parser, NULL, "missing-option", "%s comes before --gid-owner",
					     supplementary),
				"write --gid-owner before it");
		return -EINVAL;
	}
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, OWNER_COUNT);
}

static int owner_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct guided), guides, OWNER_COUNT,
				  match->span, "-m owner");
	const struct guided *owner = match->data;

	if (error || owner->seen)
		return error;
	diagnostic_hint(option_error(parser, match->span, "missing-option", "-m owner has no option"),
			"write --uid-owner, --gid-owner or --socket-exists");
	return -EINVAL;
}

static void owner_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *owner = match->data;
	(void)rule;

	buffer_puts(out, "-m owner");
	for (unsigned i = 0; i < OWNER_COUNT; i++) {
		const struct guided_value *value = &owner->values[i];
		if (!guided_seen(owner, i))
			continue;
		buffer_printf(out, "%s %s", value->inverted ? " !" : "", guides[i].name);
		if (guides[i].kind == GUIDE_OWN)
			buffer_printf(out, " %u", (unsigned)value->number);
		if (guides[i].kind == GUIDE_OWN && value->second != value->number)
			buffer_printf(out, "-%u", (unsigned)value->second);
	}
}

const struct match_type match_owner = {
    .name = "owner",
    .modelled = true,
    .hooks = 1u << HOOK_OUTPUT | 1u << HOOK_POSTROUTING,
    .unseen = &(const struct unseen){OPAQUE_TABLE, false},
    .parse = owner_parse,
    .finish = owner_finish,
    .print = owner_print,
    .evaluate = unseen_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
