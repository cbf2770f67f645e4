/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What an extension sees of the rule being read. The reader (read/iptables_save.c) splits the line into words
 * and offers each option to the matches loaded so far, last one first, and to the target, as iptables does.
 */
#ifndef WEIR_RULESET_RULE_PARSER_H
#define WEIR_RULESET_RULE_PARSER_H

#include "base/diagnostic.h"
#include "ruleset/extension_type.h"
#include "ruleset/ruleset.h"

struct word {
	struct text text; /* quotes and escapes resolved */
	struct span span;
};

/* A search for the one option that a name abbreviates. */
struct option_search {
	struct text begin;
	const char *found;   /* in full; NULL: none */
	size_t asked, owner; /* whose names are being asked for; whose `found` is */
	bool ambiguous;
};

struct rule_parser {
	struct ruleset *ruleset;
	struct diagnostics *sink;
	struct rule *rule; /* addresses, protocol, interfaces so far */
	enum family family;
	const struct word *words;
	size_t count, next;          /* next word to be read */
	const struct word *option;   /* the option on offer, its name in full: "--dport" */
	const struct word *attached; /* VALUE of --option=VALUE, until parser_argument() gives it; or NULL */
	const struct word *argument; /* what parser_argument() gave last */
	bool inverted; /* a "!" stood before it; the type that takes the option must look at it */
	struct option_search *search; /* NULL: none under way */
	size_t names_asked;           /* names of hosts looked up so far */
};

void option_search_note(struct option_search *search, const char *name);

/* What each type asks of each of its options, and of no other's: in a search the answer is no, and the type
 * has told its names. */
static inline bool parser_option_is(const struct rule_parser *parser, const char *name)
{
	if (!parser->search)
		return text_is(parser->option->text, name);
	option_search_note(parser->search, name);
	return false;
}

/* The option's argument. NULL with a diagnostic when the line ends or another option comes, and for a "!"
 * between the option and its argument, where iptables took it long ago. */
const struct word *parser_argument(struct rule_parser *parser);
/* Adds an error at the word (NULL: at the option); returns the diagnostic for a hint. */
__attribute__((format(printf, 4, 5))) struct diagnostic *
parser_error(struct rule_parser *parser, const struct word *word, const char *code, const char *format, ...);
/* 0, or -EINVAL with a diagnostic when the option is inverted but must not be. */
int parser_refuse_inversion(struct rule_parser *parser);
/* The n-th address or port of "80" or "80:90" or "http". ports: first and last, host byte order. Open ends as
 * iptables takes them (":90", "80:"). 0 or -EINVAL with a diagnostic. */
int parser_port_range(struct rule_parser *parser, const struct word *word, struct text text, uint16_t *first,
		      uint16_t *last);

/* extension/registry.c: NULL when there is none for this family. */
const struct match_type *match_type_find(struct text name, enum family family);
const struct target_type *target_type_find(struct text name, enum family family);
/* What stands in for everything not modelled: data is a struct opaque_data. */
extern const struct match_type match_opaque;
extern const struct target_type target_opaque, target_none, target_jump;
struct opaque_data {
	struct text name; /* "limit" */
	struct text text; /* all of it, as in the input: "-m limit --limit 3/min" */
	bool inverted;
};

#endif
