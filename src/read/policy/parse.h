/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the parts of the policy's reader share. Nobody outside read/policy/ includes it.
 *
 * A parse_*() function begins at the token that is next and takes what is its own. It returns 0; -EINVAL
 * after a diagnostic, when the statement is given up and reading goes on with the next one; -ENOMEM, which
 * ends the reading. Nothing recurses but include, by POLICY_INCLUDE_DEPTH. */
#ifndef WEIR_READ_POLICY_PARSE_H
#define WEIR_READ_POLICY_PARSE_H

#include "read/policy/policy.h"
#include "ruleset/name_index.h"

enum token_kind {
	TOKEN_END,  /* of the file */
	TOKEN_LINE, /* a line's end, or ; */
	TOKEN_WORD,
	TOKEN_STRING, /* the text is without quotes and escapes */
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA,
	TOKEN_EQUALS,
	TOKEN_BAD, /* something was said about it */
};

struct policy_token {
	enum token_kind kind;
	struct text text;
	struct span span;   /* where it stands; of a variable's token where $name stands */
	struct span origin; /* of a variable's token: in the definition; else no place */
};

#define POLICY_VARIABLE_TOKENS_MAX 4096

struct policy_variable {
	struct text name;
	struct span span;
	struct policy_token *tokens;
	size_t count, capacity;
};

/* What stands in a set's braces, until the sets are worked out. */
struct policy_set_parts {
	struct policy_elements members[FAMILY_COUNT], excepted[FAMILY_COUNT];
	struct policy_places sets;        /* @name as a member */
	struct policy_places except_sets; /* except @name */
	struct span includes_self, excepts_self;
	enum { PARTS_NEW, PARTS_BUSY, PARTS_DONE, PARTS_FAILED } state;
};

struct policy_reader {
	struct arena *arena;
	struct diagnostics *sink;
	const struct policy_options *options;
	struct policy_tree *tree;
	struct name_index *variables, *sets, *interfaces, *feeds, *statements;
	/* The file that is read, and those that include it. */
	const struct source *files[POLICY_INCLUDE_DEPTH];
	size_t depth;
	uint16_t number; /* of the file in tree->sources */
	uint32_t at;     /* how far the lexer is in it */
	/* What is left of a variable. */
	const struct policy_token *replay, *replay_end;
	struct span replay_span;
	struct policy_token token; /* the next one, when has_token */
	bool has_token;
	struct span first, last; /* the statement's first token, and the last one taken */
	struct buffer words;     /* the statement's tokens so far */
	bool keep_words;
	size_t braces; /* open ones of the statement */
	size_t statement_count;
	bool default_narrow[DIRECTION_COUNT]; /* said of that direction alone */
	struct policy_set *builtin;           /* `private`, once it was used */
	bool no_memory;                       /* somewhere where it could not be said */
};

/* --- lexer.c ------------------------------------------------------------------------------------- */

/* The next token, without taking it. */
const struct policy_token *policy_peek(struct policy_reader *reader);
void policy_take(struct policy_reader *reader);
static inline bool policy_next_is(struct policy_reader *reader, enum token_kind kind)
{
	return policy_peek(reader)->kind == kind;
}
bool policy_next_is_word(struct policy_reader *reader, const char *word);
/* Takes it if it is next. */
bool policy_take_word(struct policy_reader *reader, const char *word);
bool policy_take_kind(struct policy_reader *reader, enum token_kind kind);
/* Whether the next token is at the beginning of a line, without a blank before it, and a statement's word:
 * within braces, one is missing before it. */
bool policy_begins_statement(struct policy_reader *reader);
/* Takes what stands between the items of a list in braces. 1: an item is next; 0: the closing brace was, and
 * is taken; -EINVAL: it is missing. */
int policy_item(struct policy_reader *reader);
/* To the end of the statement that is broken. */
void policy_recover(struct policy_reader *reader);
/* To the end of an item within that many braces. */
void policy_recover_item(struct policy_reader *reader, size_t outside);

/* --- Errors: all return -EINVAL ------------------------------------------------------------------ */

/* hints.c: what was meant by a word that is no address, or that stands where it cannot; NULL: who knows. In
 * the arena, or constant. */
const char *policy_hint_address(struct policy_reader *reader, struct text word, bool in_set);
const char *policy_hint_word(struct policy_reader *reader, struct text word);
/* An error at a token; `said` gets the diagnostic, for labels and hints, when it is not NULL. */
__attribute__((format(printf, 5, 6))) int policy_error(struct policy_reader *reader,
						       const struct policy_token *token, const char *code,
						       struct diagnostic **said, const char *format, ...);
/* "expected WHAT, not TOKEN", with the nearest of `words` as a hint when the token is a word. */
int policy_expected(struct policy_reader *reader, const char *what, const char *const *words, size_t count);

/* --- value.c: what a word says ------------------------------------------------------------------- */

/* Each returns NULL when the value is there, else what is wrong in words. */

/* An address, a prefix or a range LOW-HIGH. *masked: bits behind the prefix were set, and are cleared. */
const char *value_addresses(struct text text, enum family *family, struct address_range *range, bool *masked);
const char *value_number(struct text text, uint64_t low, uint64_t high, uint64_t *value);
const char *value_ports(struct text text, struct policy_port_range *range);
const char *value_percent(struct text text, uint32_t *percent);
/* 50/s, 10/min, 5/h, 1/d. */
const char *value_rate(struct text text, uint32_t *rate, uint32_t *second);
/* A date, a date and time (ISO 8601; UTC when it has no zone) or seconds since 1970. */
const char *value_time(struct text text, uint32_t *seconds);
/* Whether a set of that type takes it. */
const char *policy_range_fits(enum policy_set_type type, struct address_range range);
/* A protocol whose ports the kernel's sets hold: TCP, UDP, SCTP, UDP-Lite (ip_set_get_ip4_port()). */
bool value_port_protocol(struct text text, uint8_t *protocol);
bool protocol_has_ports(uint8_t protocol);

/* --- The parts of statements --------------------------------------------------------------------- */

/* Whether a word begins a statement; parse.c */
bool policy_is_statement(struct text word);
/* parse_selector.c */
int parse_protocols(struct policy_reader *reader, struct policy_selector *selector);
/* One clause that begins with on, from, to, port or source; *taken is false when none does. */
int parse_clause(struct policy_reader *reader, struct policy_selector *selector, bool *taken);
/* parse_place.c */
int parse_places(struct policy_reader *reader, struct policy_places *places);
int parse_ports(struct policy_reader *reader, struct policy_ports *ports);
int parse_address(struct policy_reader *reader, enum family *family, address *value);
/* parse_set.c */
int parse_set(struct policy_reader *reader);
/* A member of a set with its ports, comment and time. */
int parse_member(struct policy_reader *reader, struct policy_set *set, struct policy_elements *into);
/* parse_feed.c */
int parse_file(struct policy_reader *reader, struct policy_set *set);
int parse_feed(struct policy_reader *reader, struct policy_set *set);
/* parse_limit.c */
int parse_limit(struct policy_reader *reader, struct policy_statement *statement);
/* parse_mirror.c */
int parse_mirror(struct policy_reader *reader, struct policy_statement *statement);
/* parse_balance.c */
int parse_balance(struct policy_reader *reader, struct policy_statement *statement);
/* parse_conntrack.c */
int parse_conntrack(struct policy_reader *reader);

/* The same for what many statements have: a word of these; a value of one word. */
int parse_word(struct policy_reader *reader, const char *const *words, size_t count, const char *what,
	       size_t *which);
int parse_string(struct policy_reader *reader, const char *what, struct text *text);
int parse_name(struct policy_reader *reader, const char *what, struct text *name);
int parse_duration(struct policy_reader *reader, uint32_t low, uint32_t high, uint32_t *seconds);
int parse_number(struct policy_reader *reader, const char *what, uint64_t low, uint64_t high,
		 uint64_t *number);
/* Opens a file that the policy names, relative to the file where the name stands. */
int policy_open(struct policy_reader *reader, const struct policy_token *token, struct text name,
		const struct source **source, uint16_t *number);
int policy_read_file(struct policy_reader *reader, const char *path, struct source **source);
int policy_add_source(struct policy_reader *reader, const struct source *source, uint16_t *number);

/* --- Once all is read ---------------------------------------------------------------------------- */

/* sets.c: the elements of all sets. 0 or -ENOMEM. */
int policy_resolve_sets(struct policy_reader *reader);
/* resolve.c: names in statements, and families. 0 or -ENOMEM. */
int policy_resolve_statements(struct policy_reader *reader);
/* The built-in set `private`, made at its first use. NULL when memory is short. */
struct policy_set *policy_private(struct policy_reader *reader);
/* The set of that name; NULL after an error, which suggests another. */
struct policy_set *policy_look_up(struct policy_reader *reader, const struct policy_place *place);
/* check.c: what contradicts each other. 0 or -ENOMEM. */
int policy_check(struct policy_reader *reader);

static inline bool ranges_meet(struct address_range a, struct address_range b)
{
	return a.low <= b.high && b.low <= a.high;
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
