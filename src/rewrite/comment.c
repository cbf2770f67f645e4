/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is written on a rule, for the member that takes its place. ipset's comments have up to 255 bytes and
 * no quotes (IPSET_MAX_COMMENT_SIZE, ipset_parse_comment()); what it cannot hold becomes an apostrophe or a
 * blank. */
#include "rewrite/plan.h"

#include <string.h>

#define COMMENT_MAX 255

static void add_character(struct buffer *out, char character)
{
	if (character == '"')
		character = '\'';
	else if ((unsigned char)character < ' ' || character == 127 || character == '\\')
		character = ' ';
	buffer_add(out, &character, 1);
}

void rule_comment(const struct rule *rule, struct buffer *out)
{
	static const char lead[] = "-m comment --comment ";
	struct buffer text = {0};

	for (uint32_t i = 0; i < rule->match_count && !text.size; i++)
		if (match_is_comment(&rule->matches[i]))
			rule->matches[i].type->print(&rule->matches[i], rule, &text);
	out->failed |= text.failed;
	size_t at = sizeof(lead) - 1, end = text.size;
	if (!text.failed && text.size > at && memcmp(text.data, lead, at) == 0) {
		if (text.data[at] == '"' && end > at + 1) { /* as iptables-save quotes it */
			at++;
			end--;
		}
		while (at < end && out->size < COMMENT_MAX) {
			if (text.data[at] == '\\' && at + 1 < end)
				at++;
			add_character(out, text.data[at++]);
		}
	}
	buffer_fini(&text);
}

bool comments_agree(const struct rule *a, const struct rule *b)
{
	struct buffer left = {0}, right = {0};

	rule_comment(a, &left);
	rule_comment(b, &right);
	bool agree = !left.failed && !right.failed &&
		     text_equal((struct text){left.data, left.size}, (struct text){right.data, right.size});
	buffer_fini(&left);
	buffer_fini(&right);
	return agree;
}

bool entry_comments_agree(const struct entry *entry)
{
	bool agree = true;

	for (size_t i = 1; i < entry->count && agree; i++)
		agree = comments_agree(entry->rules[0], entry->rules[i]);
	return agree;
}
