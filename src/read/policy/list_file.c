/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * List files: a member a line, as text or as a JSON object, which may change from line to line.
 *
 *     192.0.2.1
 *     198.51.100.0/24             # the comment of this member; ; does the same
 *     203.0.113.7-203.0.113.19 "a comment" until 2026-12-01T12:00:00Z
 *     192.0.2.10 . tcp 443        of sets with ports; 192.0.2.10,tcp:443, as ipset has it, is the same
 *     {"cidr": "198.51.100.0/24", "comment": "...", "expires": 1764590400}
 *     {"address": "192.0.2.10", "protocol": "tcp", "port": 443}
 *
 * Lists come from elsewhere and are large: a line costs no allocation but its comment, and a wrong one is
 * told with its place while the rest is read on. */
#include "read/policy/list.h"
#include "read/reader.h"

#include <errno.h>
#include <stdlib.h>

#define WRONG_LINES_MAX 1000 /* then the rest is not looked at */

int list_wrong(struct list_reader *reader, struct span span, const char *code, const char *format, ...)
{
	struct buffer message = {0};
	va_list arguments;

	reader->wrong++;
	if (reader->wrong <= DIAGNOSTICS_MAX) {
		va_start(arguments, format);
		buffer_vprintf(&message, format, arguments);
		va_end(arguments);
	}
	diagnostic_add(reader->sink, SEVERITY_ERROR, code, span, "%s", message.data ? message.data : "");
	buffer_fini(&message);
	return -EINVAL;
}

/* --- Members ------------------------------------------------------------------------------------- */

/* Most that the rest of the source can hold, so that a long list is not copied again and again as it grows.
 */
static int reserve(struct list_reader *reader, struct policy_elements *into)
{
	const struct source *source = reader->line.source;
	size_t lines = 1, most = (source->size - reader->line.begin) / 4 + 1;
	const char *at = source->data + reader->line.begin, *end = source->data + source->size;

	while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
		lines++;
		at++;
	}
	if (lines > most)
		lines = most;
	if (lines > POLICY_ELEMENTS_MAX)
		lines = POLICY_ELEMENTS_MAX;
	struct policy_element *fresh =
	    arena_array(reader->arena, into->count + lines, sizeof(struct policy_element));
	if (!fresh)
		return -ENOMEM;
	if (into->count)
		memcpy(fresh, into->elements, into->count * sizeof(*fresh));
	into->elements = fresh;
	into->capacity = into->count + lines;
	return 0;
}

int list_file_add(struct list_reader *reader, enum family family, const struct policy_element *element)
{
	struct policy_elements *into = &reader->result->elements[family];

	reader->result->members++;
	if (element->expires && element->expires <= reader->now) {
		reader->result->expired++;
		return 0;
	}
	if (into->count >= POLICY_ELEMENTS_MAX) {
		reader->full = true;
		return list_wrong(reader, reader->line, "set-too-large", "there are more than %zu members",
				  POLICY_ELEMENTS_MAX);
	}
	if (!reader->reserved[family]) {
		reader->reserved[family] = true;
		if (reserve(reader, into) < 0)
			return -ENOMEM;
	}
	struct policy_element *slot =
	    arena_push(reader->arena, (void **)&into->elements, &into->count, &into->capacity, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = *element;
	slot->source = reader->number;
	slot->begin = reader->line.begin;
	slot->length = reader->line.end - reader->line.begin > UINT16_MAX
			   ? UINT16_MAX
			   : (uint16_t)(reader->line.end - reader->line.begin);
	return 0;
}

int list_addresses(struct list_reader *reader, struct text text, struct span span, enum family *family,
		   struct policy_element *element)
{
	struct address_range range;
	bool masked;
	int size = (int)text.size;
	const char *wrong = value_addresses(text, family, &range, &masked);

	if (!wrong)
		wrong = policy_range_fits(reader->type, range);
	if (wrong)
		return list_wrong(reader, span, "bad-address", "%.*s %s", size, text.data, wrong);
	if (masked)
		diagnostic_hint(
		    diagnostic_add(reader->sink, SEVERITY_WARNING, "host-bits", span,
				   "%.*s has bits set behind its prefix, and stands for all of it", size,
				   text.data),
		    "one address is written without a prefix");
	element->low = range.low;
	element->high = range.high;
	return 0;
}

/* A copy that the kernel's sets take: without quotes and control characters, cut to their size. */
int list_comment(struct list_reader *reader, struct text text, const char **comment)
{
	if (text.size == 0)
		return 0;
	size_t size = text.size > POLICY_COMMENT_MAX ? POLICY_COMMENT_MAX : text.size;
	/* not within a character of UTF-8 */
	while (size < text.size && size && ((unsigned char)text.data[size] & 0xc0) == 0x80)
		size--;
	char *copy = arena_copy(reader->arena, text.data, size);
	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < size; i++)
		if (copy[i] == '"')
			copy[i] = '\'';
		else if ((unsigned char)copy[i] < ' ' || copy[i] == 0x7f)
			copy[i] = ' ';
	*comment = copy;
	return 0;
}

/* --- Lines of text ------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static void skip_blanks(struct text *rest)
{
	size_t at = 0;

	while (at < rest->size && is_blank(rest->data[at]))
		at++;
	*rest = (struct text){rest->data + at, rest->size - at};
}

static struct text take_word(struct text *rest)
{
	size_t at = 0;

	skip_blanks(rest);
	while (at < rest->size && !is_blank(rest->data[at]) && !strchr("#;,\"", rest->data[at]))
		at++;
	/* strchr() finds the NUL, too: such a word would be empty for ever */
	if (at == 0 && rest->size && rest->data[0] == '\0')
		at = 1;
	struct text word = {rest->data, at};
	*rest = (struct text){rest->data + at, rest->size - at};
	return word;
}

static struct span span_of(const struct list_reader *reader, struct text text)
{
	uint32_t begin = (uint32_t)(text.data - reader->line.source->data);

	return (struct span){reader->line.source, begin, begin + (uint32_t)text.size};
}

/* ". tcp 443" or ",tcp:443" behind the address, or neither. */
static int take_port(struct list_reader *reader, struct text *rest, struct policy_element *element)
{
	struct policy_port_range range;
	struct text protocol, ports;

	skip_blanks(rest);
	bool comma = rest->size && rest->data[0] == ',';
	bool dot = rest->size > 1 && rest->data[0] == '.' && is_blank(rest->data[1]);
	if (!comma && !dot)
		return policy_set_has_ports(reader->type)
			   ? list_wrong(reader, reader->line, "no-port",
					"there is no port, which this set has (ADDRESS . tcp 443)")
			   : 0;
	*rest = (struct text){rest->data + 1, rest->size - 1};
	protocol = take_word(rest);
	const char *colon = comma ? text_find(protocol, ':') : NULL;
	if (comma) {
		ports =
		    colon ? text_behind(protocol, colon) : (struct text){protocol.data + protocol.size, 0};
		protocol = colon ? text_before(protocol, colon) : protocol;
	} else {
		ports = take_word(rest);
	}
	if (!policy_set_has_ports(reader->type))
		return list_wrong(reader, reader->line, "no-ports",
				  "there is a port, and this set has none (address . port)");
	if (!value_port_protocol(protocol, &element->protocol))
		return list_wrong(reader, span_of(reader, protocol), "bad-protocol",
				  "%.*s is no protocol with ports (tcp, udp, sctp, udplite)",
				  (int)protocol.size, protocol.data);
	const char *wrong = value_ports(ports, &range);
	if (wrong)
		return list_wrong(reader, span_of(reader, ports), "bad-port", "%.*s %s", (int)ports.size,
				  ports.data, wrong);
	element->port_low = range.low;
	element->port_high = range.high;
	return 0;
}

/* "a comment"; until TIME; and what stands behind # or ; */
static int take_tail(struct list_reader *reader, struct text rest, struct policy_element *element)
{
	skip_blanks(&rest);
	if (rest.size && rest.data[0] == '"') {
		struct text behind = {rest.data + 1, rest.size - 1};
		const char *quote = text_find(behind, '"');
		if (!quote)
			return list_wrong(reader, span_of(reader, rest), "unterminated-string",
					  "a comment has no closing quote");
		if (list_comment(reader, text_before(behind, quote), &element->comment) < 0)
			return -ENOMEM;
		rest = text_behind(behind, quote);
		skip_blanks(&rest);
	}
	if (text_starts(rest, "until")) {
		take_word(&rest);
		struct text time = take_word(&rest);
		const char *wrong = value_time(time, &element->expires);
		if (wrong)
			return list_wrong(reader, span_of(reader, time), "bad-time", "%.*s %s",
					  (int)time.size, time.data, wrong);
		skip_blanks(&rest);
	}
	if (rest.size == 0)
		return 0;
	if (rest.data[0] != '#' && rest.data[0] != ';')
		return list_wrong(reader, span_of(reader, rest), "unexpected-word",
				  "expected \"a comment\", until TIME, # or the end of the line");
	rest = (struct text){rest.data + 1, rest.size - 1};
	skip_blanks(&rest);
	return element->comment ? 0 : list_comment(reader, rest, &element->comment);
}

static int read_text(struct list_reader *reader, struct text line)
{
	struct policy_element element = {0};
	enum family family;
	struct text word = take_word(&line);
	int result = list_addresses(reader, word, span_of(reader, word), &family, &element);

	if (result == 0)
		result = take_port(reader, &line, &element);
	if (result == 0)
		result = take_tail(reader, line, &element);
	return result < 0 ? result : list_file_add(reader, family, &element);
}

static int read_line(struct list_reader *reader)
{
	struct text line = span_text(reader->line);

	if (line.size == 0 || line.data[0] == '#' || line.data[0] == ';')
		return 0;
	if (line.data[0] == '{' && reader->format != POLICY_FORMAT_NETSET)
		return list_read_json(reader, line);
	if (reader->format == POLICY_FORMAT_SPAMHAUS)
		return list_wrong(reader, reader->line, "not-json",
				  "this line is no JSON object, as those of format spamhaus are");
	return read_text(reader, line);
}

int policy_list_read(struct arena *arena, struct diagnostics *sink, const struct source *source,
		     uint16_t number, enum policy_set_type type, enum policy_format format, uint64_t now,
		     struct policy_list_result *result)
{
	struct list_reader reader = {.arena = arena,
				     .sink = sink,
				     .number = number,
				     .type = type,
				     .format = format,
				     .now = now,
				     .result = result};
	struct line_reader lines = {.source = source};
	int status = 0;

	while (status != -ENOMEM && !reader.full && reader.wrong < WRONG_LINES_MAX &&
	       line_reader_next(&lines)) {
		reader.line = lines.line;
		status = read_line(&reader);
	}
	list_reader_fini(&reader);
	return status == -ENOMEM ? status : reader.wrong ? -EINVAL : 0;
}
