/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What matches and targets share in reading, printing and judging options. */
#include "extension/option.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void *option_data(struct rule_parser *parser, void **data, size_t size)
{
	if (!*data)
		*data = arena_alloc(parser->ruleset->arena, size);
	return *data;
}

int option_once(struct rule_parser *parser, unsigned *seen, unsigned bit, unsigned excluded)
{
	struct diagnostic *diagnostic;

	if (*seen & bit) {
		diagnostic = parser_error(parser, NULL, "duplicate-option", "%.*s is given twice",
					  (int)parser->option->text.size, parser->option->text.data);
		diagnostic_hint(diagnostic,
				"iptables takes this option once in a match; use a second -m for another");
		return -EINVAL;
	}
	if (*seen & excluded) {
		diagnostic = parser_error(parser, NULL, "conflicting-options",
					  "%.*s does not go together with an option before it",
					  (int)parser->option->text.size, parser->option->text.data);
		diagnostic_hint(diagnostic,
				"iptables takes one of them in a match; use a second -m for the other");
		return -EINVAL;
	}
	*seen |= bit;
	return 0;
}

struct diagnostic *option_error(struct rule_parser *parser, struct span span, const char *code,
				const char *format, ...)
{
	va_list arguments;
	char message[256];

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	return diagnostic_add(parser->sink, SEVERITY_ERROR, code, span.source ? span : parser->rule->span,
			      "%s", message);
}

int option_require_protocol(struct rule_parser *parser, struct span span, const char *what, uint8_t protocol,
			    const char *name)
{
	if (parser->rule->protocol == protocol && !parser->rule->protocol_inverted)
		return 0;
	struct diagnostic *diagnostic =
	    option_error(parser, span, "protocol-required", "%s needs -p %s in the same rule", what, name);
	if (parser->rule->protocol == protocol)
		diagnostic_hint(diagnostic, "it cannot be used with ! -p %s", name);
	else
		diagnostic_hint(diagnostic, "write -p %s before it", name);
	return -EINVAL;
}

int option_number(struct text text, uint64_t max, uint64_t *number)
{
	if (text.size > 1 && text.data[0] == '0' && isdigit((unsigned char)text.data[1]))
		return -EINVAL;
	return number_parse(text, max, number);
}

bool comma_next(struct comma_list *list, struct text *part)
{
	if (list->done)
		return false;
	const char *comma = list->rest.size ? memchr(list->rest.data, ',', list->rest.size) : NULL;
	*part = list->rest;
	if (!comma) {
		list->done = true;
		return true;
	}
	part->size = (size_t)(comma - list->rest.data);
	list->rest.data = comma + 1;
	list->rest.size -= part->size + 1;
	return true;
}

bool text_same(struct text text, const char *name)
{
	return text.size == strlen(name) && strncasecmp(text.data, name, text.size) == 0;
}

bool text_abbreviates(struct text text, const char *name)
{
	return text.size > 0 && text.size <= strlen(name) && strncasecmp(text.data, name, text.size) == 0;
}

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '-';
}

void option_print_string(struct buffer *out, struct text value)
{
	bool bare = value.size > 0;

	for (size_t i = 0; i < value.size && bare; i++)
		bare = is_bare(value.data[i]);
	buffer_puts(out, bare ? " " : " \"");
	for (size_t i = 0; i < value.size; i++) {
		if (strchr("\"\\'", value.data[i]) && value.data[i])
			buffer_puts(out, "\\");
		buffer_add(out, value.data + i, 1);
	}
	if (!bare)
		buffer_puts(out, "\"");
}

/* A predicate is found again by its name, so the name says how far it may be shared. A text with a NUL in it,
 * which would end the name early, is not shared at all. */
static bool opaque_name(const struct fields *fields, const struct match *match, const struct rule *rule,
			struct text text, enum opaque_sharing sharing, struct buffer *name)
{
	size_t size = text.size ? strnlen(text.data, text.size) : 0;
	if (size < text.size)
		sharing = OPAQUE_RULE;
	buffer_add(name, text.data, size);
	/* It knows by itself where targets change the packet: that they do is what it has to compare, too. */
	if (fields->naming) {
		fields->naming->match(fields->naming->context, match, rule, (int)sharing, name);
		return name->data && !name->failed;
	}
	if (sharing == OPAQUE_TABLE && rule->chain->table->changes)
		sharing = OPAQUE_RULE;
	if (sharing == OPAQUE_TABLE)
		buffer_printf(name, " in %s", table_names[rule->chain->table->id]);
	/* PREROUTING comes before NAT and INPUT behind it: in mangle one packet meets both. */
	if (sharing == OPAQUE_TABLE && rule->chain->table->id == TABLE_MANGLE)
		buffer_printf(name, " %.*s", (int)rule->chain->name.size, rule->chain->name.data);
	if (sharing == OPAQUE_RULE)
		buffer_printf(name, " in %s %.*s rule %u match %u", table_names[rule->chain->table->id],
			      (int)rule->chain->name.size, rule->chain->name.data, rule->number,
			      (unsigned)(match - rule->matches) + 1);
	return name->data && !name->failed;
}

static struct predicate *opaque_predicate(const struct match *match, const struct rule *rule,
					  struct fields *fields, struct text text,
					  enum opaque_sharing sharing, int *error)
{
	struct buffer name = {0};
	struct predicate *predicate = NULL;

	*error = -ENOMEM;
	if (opaque_name(fields, match, rule, text, sharing, &name))
		*error = fields_need_opaque(fields, name.data, false, &predicate);
	buffer_fini(&name);
	return *error ? NULL : predicate;
}

int option_declare_opaque(const struct match *match, const struct rule *rule, struct fields *fields,
			  struct text text, enum opaque_sharing sharing)
{
	int error;

	opaque_predicate(match, rule, fields, text, sharing, &error);
	return error;
}

diagram_node option_mean_opaque(const struct match *match, const struct rule *rule,
				const struct fields *fields, struct text text, enum opaque_sharing sharing)
{
	int error;
	/* Declared before: it is found, and nothing is changed. */
	struct predicate *predicate =
	    opaque_predicate(match, rule, (struct fields *)fields, text, sharing, &error);

	return predicate ? fields_predicate(fields, predicate) : DIAGRAM_UNDECIDED;
}

diagram_node option_not_late(const struct fields *fields)
{
	return fields_range(fields, FIELD_FRAGMENT, FRAGMENT_WHOLE, FRAGMENT_FIRST);
}

bool option_is_nft(const struct rule_parser *parser)
{
	return parser->ruleset->flavour[parser->family] == FLAVOUR_NFT;
}

enum truth option_has_transport(const struct packet *packet)
{
	if (!(packet->known & KNOWN_FRAGMENT))
		return TRUTH_UNKNOWN;
	return truth_of(packet->fragment_offset == 0);
}
