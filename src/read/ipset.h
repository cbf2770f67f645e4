/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the parts of the ipset reader share: lines (ipset_save.c), create (ipset_create.c), entries
 * (ipset_entry.c, ipset_entry_port.c), add, del and test (ipset_add.c), members (ipset_member.c), and the
 * commands on whole sets (ipset_sets.c). Nobody outside read/ includes it. */
#ifndef WEIR_READ_IPSET_H
#define WEIR_READ_IPSET_H

#include "read/reader.h"

#define SET_NAME_MAX 31         /* IPSET_MAXNAMELEN - 1 */
#define SET_TIMEOUT_MAX 2147483 /* IPSET_MAX_TIMEOUT, include/linux/netfilter/ipset/ip_set.h */
#define SET_COMMENT_MAX 255     /* IPSET_MAX_COMMENT_SIZE */
#define IPSET_WORDS_MAX 30      /* ipset takes 32 arguments, its own name among them */

struct builder; /* a set being filled */
struct link;

struct ipset_reader {
	struct ruleset *ruleset;
	struct diagnostics *sink;
	struct arena *scratch; /* lives as long as the reading */
	const struct source *source;
	/* A place for each set of this input, in the order in which the kernel would number them. A place
	 * whose set was destroyed is free, and the next create takes the first free one. */
	struct builder **places;
	size_t place_count, place_capacity, first_free;
	struct name_index *names; /* struct binding, by name */
	struct builder *last;     /* adds of one set stand together */
	struct word words[IPSET_WORDS_MAX];
	size_t word_count;
	char *quoted; /* text of the words of this line that had quotes */
	size_t quoted_size;
	size_t expanded; /* members that lines with ranges stood for */
	size_t work;     /* done by commands that go through all sets */
};

/* What a name means now; names that are free again stay in the index without a builder. */
struct binding {
	struct builder *builder;
};

struct builder {
	struct set *set;
	size_t place;
	size_t references; /* members of list:set that name it */
	size_t elements;   /* as the kernel counts them against maxelem */
	bool full;         /* said already */
	bool removed;      /* some member was */
	struct set_index index;
	struct link *links; /* list:set: the order of its members */
	size_t link_capacity;
	uint32_t first, last; /* of the links; LINK_NONE */
};

#define LINK_NONE UINT32_MAX
struct link {
	uint32_t before, after;
};

/* The addresses of one part of an entry: low..high; one prefix unless it was written as a range. */
struct entry_addresses {
	address low, high;
	uint8_t prefix;
	bool is_range;
};

/* What one entry stands for. */
struct entry {
	struct entry_addresses addresses[2];
	uint8_t protocol;
	uint16_t first_port, last_port;
	uint8_t mac[6];
	bool has_mac, physdev;
	uint32_t mark;
	char interface[INTERFACE_NAME_MAX];
	struct builder *element; /* list:set */
};

/* list:set: where a member is to stand. */
struct entry_place {
	bool before, after;
	struct builder *reference;
};

__attribute__((format(printf, 4, 5))) struct diagnostic *
ipset_error(struct ipset_reader *reader, struct span span, const char *code, const char *format, ...);
/* Numbers with limits, as the argument of an option. All of these: 0, -EINVAL after a diagnostic, -ENOMEM. */
int ipset_number(struct ipset_reader *reader, const struct word *word, const char *what, uint64_t min,
		 uint64_t max, uint64_t *number);
/* NULL after a diagnostic. */
struct builder *ipset_find(struct ipset_reader *reader, const struct word *word);
/* The name's binding, made when there is none; NULL when memory is short. */
struct binding *ipset_binding(struct ipset_reader *reader, struct text name);
int ipset_name_check(struct ipset_reader *reader, const struct word *word);
/* Counts work that grows with the square of the input: false after a diagnostic, when it is too much. */
bool ipset_charge(struct ipset_reader *reader, struct span span, size_t work);
/* No word may follow the first `count`. */
int ipset_no_more(struct ipset_reader *reader, const struct word *words, size_t have, size_t count);

/* "create NAME TYPE ..." without its first word and -exist. */
int ipset_create(struct ipset_reader *reader, const struct word *words, size_t count, bool exist);

enum ipset_command { IPSET_ADD, IPSET_DEL, IPSET_TEST };
int ipset_add(struct ipset_reader *reader, enum ipset_command command, const struct word *words, size_t count,
	      bool exist);
int ipset_destroy(struct ipset_reader *reader, const struct word *words, size_t count);
int ipset_flush(struct ipset_reader *reader, const struct word *words, size_t count);
int ipset_rename(struct ipset_reader *reader, const struct word *words, size_t count);
int ipset_swap(struct ipset_reader *reader, const struct word *words, size_t count);

/* The ENTRY of add, del or test. */
int ipset_entry(struct ipset_reader *reader, const struct set *set, const struct word *word,
		struct entry *entry);
int entry_error(struct ipset_reader *reader, const struct word *word, struct text text, const char *what,
		const char *hint);
/* [PROTOCOL:]PORT, and without a protocol to keep; ranges where the protocol has ports. */
int entry_port(struct ipset_reader *reader, const struct set *set, const struct word *word, struct text text,
	       struct entry *entry);
int entry_bare_port(struct ipset_reader *reader, const struct word *word, struct text text,
		    struct entry *entry);
/* One TCP port, by number or name. */
int entry_single_port(struct ipset_reader *reader, const struct word *word, struct text text, uint16_t *port);
/* ADDRESS, ADDRESS/LENGTH or ADDRESS-ADDRESS of that family. */
int entry_range(struct ipset_reader *reader, enum family family, const struct word *word, struct text text,
		struct entry_addresses *addresses);

/* What the add line says besides the entry, and what of it was said. */
struct member_options {
	struct set_member member;
	bool counters, position;
	bool exist; /* adding again is no error */
	const struct word *nomatch;
	struct entry_place place;
};

/* Adds all that the entry stands for. */
int builder_add(struct ipset_reader *reader, struct builder *builder, const struct entry *entry,
		const struct member_options *options, const struct word *word);
int builder_remove(struct ipset_reader *reader, struct builder *builder, const struct entry *entry,
		   const struct member_options *options, const struct word *word, bool exist);
/* Forgets the members; what they refer to is free again. */
int builder_clear(struct ipset_reader *reader, struct builder *builder);
/* Closes the gaps that removed members left, and puts those of a list in order. 0 or -ENOMEM. */
int builder_finish(struct builder *builder);
void builder_fini(struct builder *builder);

/* ipset_list.c: the order of a list's members. 0, -EINVAL after a diagnostic, -ENOMEM. */
int list_add(struct ipset_reader *reader, struct builder *builder, const struct entry *entry,
	     const struct member_options *options, const struct word *word);
int list_remove(struct ipset_reader *reader, struct builder *builder, const struct entry *entry,
		const struct member_options *options, const struct word *word, bool exist);
int list_order(struct builder *builder);

#endif
