/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the files fields*.c share and nobody else sees. */
#ifndef WEIR_EXTENSION_FIELDS_PRIVATE_H
#define WEIR_EXTENSION_FIELDS_PRIVATE_H

#include "extension/fields.h"

/* Finds what was declared before by its key: any bytes. */
struct name_index {
	struct name_entry {
		const void *key;
		size_t size;
		void *object;
	} * slots;              /* open addressing; object NULL: free */
	size_t count, capacity; /* capacity: a power of two */
};

struct fields_private {
	struct fields fields; /* first: fields_new() gives out its address */
	struct name_index names;
	struct exact *exact; /* NULL unless fields.exact */
	/* Interface patterns as declared, each once, never inverted, never "". */
	size_t pattern_count, pattern_capacity;
	struct interface_match *patterns;
	/* After sealing: the wildcards, sorted by name, with the class of the names for which each is the
	 * longest that matches; SIZE_MAX when there can be no such name. */
	size_t wildcard_count;
	struct interface_wildcard {
		const char *prefix;
		size_t class;
	} * wildcards;
};

static inline struct fields_private *fields_private(const struct fields *fields)
{
	return (struct fields_private *)fields;
}

/* The object under that key, or NULL. Keys of different uses begin with different characters. */
void *fields_find(const struct fields *fields, const void *key, size_t size);
/* The key is copied. 0, -ENOMEM, or -EBUSY after sealing. */
int fields_keep(struct fields *fields, const void *key, size_t size, void *object);

/* fields_interface.c: works out the classes of interface names. 0 or -ENOMEM. */
int interfaces_seal(struct fields *fields);
/* The class of an interface of that name; "" (no device) is of the last one. */
size_t interface_class(const struct fields *fields, const char *name);

/* fields_packet.c: the port that ipset sees in a packet; false when it sees none and the set cannot match. */
bool pair_port(const struct packet *packet, bool source, uint16_t *port);

/* The field that ipset reads that port from; false when it reads none from this protocol. */
bool pair_field(uint8_t protocol, bool source, enum field *field);

/* fields_boxes.c: of PREDICATE_BOXES. */
int boxes_need(struct fields *fields, const struct predicate *predicate);
diagram_node boxes_node(const struct fields *fields, const struct predicate *predicate);

/* fields_exact.c, of exact fields alone. */
int exact_need_predicate(struct fields *fields, struct predicate *predicate);
int exact_seal(struct fields *fields); /* 0 or -ENOMEM */
size_t exact_classes(const struct fields *fields, enum field field);
diagram_node exact_range(const struct fields *fields, enum field field, address low, address high);
diagram_node exact_masked(const struct fields *fields, enum field field, address value, address mask);
diagram_node exact_predicate(const struct fields *fields, const struct predicate *predicate);
uint32_t exact_class(const struct fields *fields, enum field field, address value);
/* An address of that class: the preferred one where it is. */
address exact_address(const struct fields *fields, enum field field, uint32_t class, address preferred);

#endif
