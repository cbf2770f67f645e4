/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Predicates for what the diagram does not see. A targeted negation is taken off the text first, so that a
 * match and its opposite are one predicate. */
#include "extension/unseen.h"

#include <errno.h>
#include <string.h>

static size_t occurrences(struct text text, const char *part)
{
	size_t count = 0, size = strlen(part);

	for (size_t i = 0; i + size <= text.size; i++)
		count += memcmp(text.data + i, part, size) == 0;
	return count;
}

/* Where the match is the exact opposite of the same text without its "!": that text, else the text itself.
 * Quoted words that look like options make a second occurrence, and so are left alone. */
static bool without_negation(struct text own, bool exact, struct buffer *text)
{
	bool negated = exact && occurrences(own, " ! ") == 1 && occurrences(own, " ! --") == 1 &&
		       occurrences(own, " --") == 1;
	const char *bang = negated ? memmem(own.data, own.size, " ! --", 5) : NULL;

	if (!bang) {
		buffer_add(text, own.data, own.size);
		return false;
	}
	buffer_add(text, own.data, (size_t)(bang - own.data));
	buffer_add(text, bang + 2, own.size - (size_t)(bang + 2 - own.data));
	return true;
}

int unseen_declare_text(const struct match *match, const struct rule *rule, struct fields *fields,
			struct text own, struct unseen unseen)
{
	struct buffer text = {0};

	without_negation(own, unseen.exact, &text);
	int error = text.failed ? -ENOMEM
				: option_declare_opaque(match, rule, fields,
							(struct text){text.data, text.size}, unseen.sharing);
	buffer_fini(&text);
	return error;
}

diagram_node unseen_mean_text(const struct match *match, const struct rule *rule, const struct fields *fields,
			      struct text own, struct unseen unseen)
{
	struct buffer text = {0};
	bool negated = without_negation(own, unseen.exact, &text);
	diagram_node mean = DIAGRAM_UNDECIDED;

	if (!text.failed)
		mean = option_mean_opaque(match, rule, fields, (struct text){text.data, text.size},
					  unseen.sharing);
	buffer_fini(&text);
	return negated ? diagram_not(fields->diagram, mean) : mean;
}

int unseen_declare(const struct match *match, const struct rule *rule, struct fields *fields)
{
	struct buffer text = {0};
	int error = -ENOMEM;

	match->type->print(match, rule, &text);
	if (!text.failed)
		error = unseen_declare_text(match, rule, fields, (struct text){text.data, text.size},
					    *match->type->unseen);
	buffer_fini(&text);
	return error;
}

diagram_node unseen_mean(const struct match *match, const struct rule *rule, const struct fields *fields)
{
	struct buffer text = {0};
	diagram_node mean = DIAGRAM_UNDECIDED;

	match->type->print(match, rule, &text);
	if (!text.failed)
		mean = unseen_mean_text(match, rule, fields, (struct text){text.data, text.size},
					*match->type->unseen);
	buffer_fini(&text);
	return mean;
}

enum truth unseen_evaluate(const struct match *match, const struct rule *rule, const struct packet *packet,
			   struct evaluation *evaluation)
{
	(void)match;
	(void)rule;
	(void)packet;
	(void)evaluation;
	return TRUTH_UNKNOWN;
}
