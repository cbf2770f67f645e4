/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A line of a list that is a JSON object: {"cidr": ...} as Spamhaus writes it, or {"address": ..., "port":
 * ..., "protocol": ..., "comment": ..., "expires": ...}. Other names in it are passed over. */
#include "read/policy/list.h"

#include <errno.h>
#include <json-c/json.h>

#define JSON_DEPTH_MAX 8

void list_reader_fini(struct list_reader *reader)
{
	if (reader->tokener)
		json_tokener_free(reader->tokener);
}

/* The first of two names that is there, as text; none: size 0. */
static struct text string_of(struct json_object *object, const char *name, const char *other)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value) &&
	    (!other || !json_object_object_get_ex(object, other, &value)))
		return (struct text){"", 0};
	if (!json_object_is_type(value, json_type_string) && !json_object_is_type(value, json_type_int))
		return (struct text){"", 0};
	const char *string = json_object_get_string(value);
	if (!string)
		return (struct text){"", 0};
	return json_object_is_type(value, json_type_string)
		   ? (struct text){string, (size_t)json_object_get_string_len(value)}
		   : text_of(string);
}

static int read_port(struct list_reader *reader, struct json_object *object, struct policy_element *element)
{
	struct text port = string_of(object, "port", NULL), protocol = string_of(object, "protocol", NULL);
	struct policy_port_range range;

	if (!policy_set_has_ports(reader->type))
		return port.size == 0 ? 0
				      : list_wrong(reader, reader->line, "no-ports",
						   "there is a port, and this set has none (address . port)");
	if (port.size == 0)
		return list_wrong(reader, reader->line, "no-port",
				  "there is no \"port\", and this set has ports");
	if (!value_port_protocol(protocol, &element->protocol))
		return list_wrong(reader, reader->line, "bad-protocol",
				  "\"protocol\" is none that has ports (tcp, udp, sctp, udplite)");
	const char *wrong = value_ports(port, &range);
	if (wrong)
		return list_wrong(reader, reader->line, "bad-port", "\"port\" %s", wrong);
	element->port_low = range.low;
	element->port_high = range.high;
	return 0;
}

static int read_member(struct list_reader *reader, struct json_object *object)
{
	struct text cidr = string_of(object, "cidr", "address"), expires = string_of(object, "expires", NULL);
	struct policy_element element = {0};
	enum family family;

	if (text_is(string_of(object, "type", NULL), "metadata"))
		return 0;
	if (cidr.size == 0)
		return list_wrong(reader, reader->line, "no-address",
				  "there is neither \"cidr\" nor \"address\" in it");
	int result = list_addresses(reader, cidr, reader->line, &family, &element);
	if (result == 0)
		result = read_port(reader, object, &element);
	if (result < 0)
		return result;
	struct json_object *time;
	bool timed = json_object_object_get_ex(object, "expires", &time) && time;
	const char *wrong = timed ? value_time(expires, &element.expires) : NULL;
	if (wrong)
		return list_wrong(reader, reader->line, "bad-time", "\"expires\" %s", wrong);
	if (list_comment(reader, string_of(object, "comment", "sblid"), &element.comment) < 0)
		return -ENOMEM;
	return list_file_add(reader, family, &element);
}

int list_read_json(struct list_reader *reader, struct text line)
{
	if (!reader->tokener)
		reader->tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
	if (!reader->tokener)
		return -ENOMEM;
	json_tokener_reset(reader->tokener);
	struct json_object *object = json_tokener_parse_ex(reader->tokener, line.data, (int)line.size);
	enum json_tokener_error error = json_tokener_get_error(reader->tokener);
	int result;
	if (error == json_tokener_continue)
		result =
		    list_wrong(reader, reader->line, "bad-json", "the JSON object does not end on its line");
	else if (error != json_tokener_success)
		result = list_wrong(reader, reader->line, "bad-json", "this is no JSON: %s",
				    json_tokener_error_desc(error));
	else if (!json_object_is_type(object, json_type_object) ||
		 json_tokener_get_parse_end(reader->tokener) != line.size)
		result = list_wrong(reader, reader->line, "bad-json", "there is more than one JSON object");
	else
		result = read_member(reader, object);
	json_object_put(object);
	return result;
}
