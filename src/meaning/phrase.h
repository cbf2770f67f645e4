/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What words.c takes a difference apart into, and phrase.c says in words. */
#ifndef WEIR_MEANING_PHRASE_H
#define WEIR_MEANING_PHRASE_H

#include "meaning/words.h"

/* Values of a field: some, or (count 0) all. */
struct values {
	size_t count;
	const struct diagram_range *ranges; /* `rest` is not used */
};

/* Variables asked one by one: TCP flags and what is not modelled. */
struct literal {
	uint32_t variable;
	bool holds;
};

struct leaf {
	uint32_t pair;
	struct values fields[FIELD_COUNT];
	size_t literal_count;
	const struct literal *literals;
	double share;
};

/* How many values of the field occur. */
uint64_t phrase_field_values(const struct fields *fields, enum field field);
bool phrase_in_block(const struct fields *fields, enum field field, uint32_t variable);
/* Of the name of a predicate what is for people: without its place. */
int phrase_name_size(const char *name);
/* Of all packets, 0 to 1. */
double phrase_share(const struct fields *fields, const struct leaf *leaf);
/* "tcp to 192.0.2.0/24 port 8080 from anywhere"; what must hold besides of what is not modelled. */
void phrase_print(const struct words_request *request, const struct leaf *leaf, struct buffer *out);
void phrase_print_unknowns(const struct words_request *request, const struct leaf *leaf, struct buffer *out);

#endif
