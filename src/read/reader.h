/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the readers share among themselves. Nobody outside read/ includes it.
 *
 * A reader adds what is wrong to the sink and goes on with the next line; it returns only what ends the
 * reading: 0 or -ENOMEM. Whether the input was right is whether the sink has errors. */
#ifndef WEIR_READ_READER_H
#define WEIR_READ_READER_H

#include "read/words.h"
#include "ruleset/ruleset.h"

/* A rule whose -j or -g names a chain that was not declared above it; looked for again at the end of the
 * table. */
struct pending_jump {
	struct chain *chain;
	size_t rule; /* index in the chain; chain->rules may move while it grows */
	struct word word;
};

/* Items of the rule being read: the rule's own part is 0, then the matches as they were loaded, and the
 * target. */
struct item {
	struct match match; /* kind of a target: unused */
	struct text name;
	bool is_target, implicit;
	const struct word *named; /* "-m" or the option that loaded it: where errors about all of it point */
	/* Of several items of one match the last one has the options, in the place of the first:
	 * xtables_find_match() calls the others completed, and command_match() adds options once. `last` of
	 * the first alone. */
	size_t first, last;
};

struct address_list {
	struct address_match *matches;
	size_t count, capacity;
};

static inline const char *text_find(struct text text, char c)
{
	return text.size ? memchr(text.data, c, text.size) : NULL;
}

static inline struct text text_before(struct text text, const char *at)
{
	return (struct text){text.data, (size_t)(at - text.data)};
}

static inline struct text text_behind(struct text text, const char *at)
{
	return (struct text){at + 1, text.size - (size_t)(at - text.data) - 1};
}

#define RULE_WORDS_MAX 255 /* as iptables-restore: MAX_ARGC in iptables/xshared.h */

/* Reads the rules of one table. The arrays are scratch, used again for each rule. */
struct rule_reader {
	struct rule_parser parser;
	struct arena *arena;
	struct table *table;
	struct rule rule; /* being read */
	struct address_list sources, destinations;
	struct item items[RULE_WORDS_MAX + 1];
	size_t item_count;
	size_t owners[RULE_WORDS_MAX]; /* which item each word of the line belongs to */
	size_t target;                 /* item, 0: none yet */
	size_t implicit;               /* item loaded by -p, 0: none yet */
	size_t sink_item;              /* opaque item that takes what nobody knows, 0: none */
	unsigned seen;                 /* options of the rule itself, enum rule_option in rule.c */
	bool other_family;             /* -4 or -6 says that the rule is not for this program */
	const struct word *bang;       /* the "!" before the option, or NULL */
	struct word option, value;     /* parser.option and parser.attached, of the word being read */
	struct word jump;              /* target's name */
	struct pending_jump *pending;
	size_t pending_count, pending_capacity;
	size_t expanded; /* rules made by lists of addresses so far */
	size_t work;     /* done by commands that change what stands above: edit.c */
};

void rule_reader_fini(struct rule_reader *reader);

/* Reads the options of one rule (behind "-A CHAIN") and appends it to the chain, or says what is wrong.
 * `span` is the line from "-A" on. 0 or -ENOMEM. */
int rule_read(struct rule_reader *reader, struct chain *chain, const struct word *words, size_t count,
	      struct span span, const uint64_t counters[2]);

/* rule_address.c, rule_header.c: options of the rule itself. Each reads the argument of parser->option; 0,
 * -EINVAL with a diagnostic, -ENOMEM. */
int header_addresses(struct rule_reader *reader, struct address_list *list);
int header_protocol(struct rule_parser *parser);
int header_interface(struct rule_parser *parser, struct interface_match *match);
/* What iptables refuses: -i in OUTPUT and so on. */
int header_check(struct rule_parser *parser, const struct chain *chain);

/* Whether the option's argument may begin with a dash. rule_parser.c */
bool option_takes_free_text(struct text option);

/* chains.c: resolves the jumps that are pending, then checks the table for loops and fills depth, order and
 * ordered. 0 or -ENOMEM. */
int chains_resolve(struct rule_reader *reader);
int chains_order(struct arena *arena, struct diagnostics *sink, struct table *table);

/* edit.c: -I, -D and other commands that change what stands above. `words` begin with the command. 0 or
 * -ENOMEM. */
bool edit_is_command(const struct word *word);
int edit_read(struct rule_reader *reader, const struct word *words, size_t count, const uint64_t counters[2],
	      struct span span);

/* family.c: whose rules a file has. false after a diagnostic: it says both. */
bool source_family(const struct source *source, struct diagnostics *sink, enum family *family);
/* iptables_save.c */
/* Whether iptables would make a user chain of that name; a diagnostic where not. */
bool chain_name_check(struct diagnostics *sink, const struct table *table, const struct word *word);
int iptables_save_read(struct ruleset *ruleset, struct diagnostics *sink, const struct source *source,
		       enum family family);
/* These tables alone: 1 << enum table_id. */
int iptables_save_read_tables(struct ruleset *ruleset, struct diagnostics *sink, const struct source *source,
			      enum family family, unsigned tables);
/* Rules come behind those that are there, in the same tables; policies of built-in chains stay. */
int iptables_save_append(struct ruleset *ruleset, struct diagnostics *sink, const struct source *source,
			 enum family family);
/* ipset_save.c */
int ipset_save_read(struct ruleset *ruleset, struct diagnostics *sink, const struct source *source);

#endif
