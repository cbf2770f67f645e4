/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What extensions use to read their options: ruleset/rule_parser.h. */
#include "ruleset/rule_parser.h"

#include "read/reader.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

/* Options whose argument is any text, which may begin with a dash: iptables-save writes it without quotes
 * (libxtables, xtables_save_string(), print_iface()). getopt_long() knows no difference for any option; of
 * the others no argument that begins so is right, and the message is better. */
static const char *const free_text_options[] = {
    "--comment",     "--log-prefix", "--nflog-prefix", "--helper",   "--label",        "--genre",
    "--nfacct-name", "--rateest",    "--rateest1",     "--rateest2", "--path",         "--string",
    "--hex-string",  "-i",           "--in-interface", "-o",         "--out-interface"};

bool option_takes_free_text(struct text option)
{
	for (size_t i = 0; i < sizeof(free_text_options) / sizeof(free_text_options[0]); i++)
		if (text_is(option, free_text_options[i]))
			return true;
	return false;
}

static bool begins_option(const struct word *word)
{
	struct text text = word->text;
	return word_is_bare(word) && text.size > 1 && text.data[0] == '-' &&
	       (text.data[1] == '-' || isalpha((unsigned char)text.data[1]));
}

static bool is_bang(const struct word *word)
{
	return word_is_bare(word) && text_is(word->text, "!");
}

/* getopt_long(): two names that one stands for are one too many, unless they are the same option. */
void option_search_note(struct option_search *search, const char *name)
{
	if (search->begin.size > strlen(name) || memcmp(name, search->begin.data, search->begin.size) != 0)
		return;
	if (!search->found) {
		search->found = name;
		search->owner = search->asked;
	} else if (search->owner != search->asked || strcmp(search->found, name) != 0) {
		search->ambiguous = true;
	}
}

const struct word *parser_argument(struct rule_parser *parser)
{
	if (parser->attached) {
		parser->argument = parser->attached;
		parser->attached = NULL;
		return parser->argument;
	}
	bool free_text = option_takes_free_text(parser->option->text);
	/* Before 1.4.3 "--option ! value" was how iptables-save printed it; 1.8 takes the "!" for the
	 * argument, and refuses the value behind it. */
	if (parser->next + 1 < parser->count && is_bang(&parser->words[parser->next]) &&
	    !begins_option(&parser->words[parser->next + 1]) && !is_bang(&parser->words[parser->next + 1])) {
		diagnostic_hint(parser_error(parser, &parser->words[parser->next], "bad-inversion",
					     "`!' behind the option that it inverts"),
				"write it before: ! %.*s ...; iptables takes it there only",
				(int)parser->option->text.size, parser->option->text.data);
		return NULL;
	}
	if (parser->next >= parser->count || (!free_text && begins_option(&parser->words[parser->next]))) {
		struct text option = parser->option->text;
		diagnostic_hint(parser_error(parser, NULL, "missing-argument", "%.*s needs an argument",
					     (int)option.size, option.data),
				"put an argument that begins with a dash in quotes");
		return NULL;
	}
	parser->argument = &parser->words[parser->next++];
	return parser->argument;
}

struct diagnostic *parser_error(struct rule_parser *parser, const struct word *word, const char *code,
				const char *format, ...)
{
	struct span span = word ? word->span : parser->option ? parser->option->span : parser->rule->span;
	va_list arguments;
	va_start(arguments, format);
	struct buffer message = {0};
	buffer_vprintf(&message, format, arguments);
	va_end(arguments);
	struct diagnostic *diagnostic = diagnostic_add(parser->sink, SEVERITY_ERROR, code, span, "%s",
						       message.data ? message.data : "out of memory");
	buffer_fini(&message);
	return diagnostic;
}

int parser_refuse_inversion(struct rule_parser *parser)
{
	if (!parser->inverted)
		return 0;
	struct text option = parser->option->text;
	diagnostic_hint(parser_error(parser, NULL, "bad-inversion", "%.*s cannot be inverted with `!'",
				     (int)option.size, option.data),
			"leave out the `!'");
	return -EINVAL;
}

/* A service by name, in /etc/services of this machine, as iptables looks it up. */
static int service_port(uint8_t protocol, struct text name, uint16_t *port)
{
	char copy[64];
	if (name.size == 0 || name.size >= sizeof(copy) || memchr(name.data, '\0', name.size))
		return -EINVAL;
	memcpy(copy, name.data, name.size);
	copy[name.size] = '\0';
	const char *protocol_text = protocol == IPPROTO_TCP ? "tcp" : protocol == IPPROTO_UDP ? "udp" : NULL;
	const struct servent *service = getservbyname(copy, protocol_text);
	if (!service)
		return -EINVAL;
	*port = ntohs((uint16_t)service->s_port);
	return 0;
}

static int parse_port(struct rule_parser *parser, const struct word *word, struct text text, uint16_t *port)
{
	uint64_t number;
	int result = number_parse(text, UINT16_MAX, &number);
	if (result == 0) {
		*port = (uint16_t)number;
		return 0;
	}
	if (result == -EINVAL && service_port(parser->rule->protocol, text, port) == 0)
		return 0;
	struct diagnostic *error =
	    result == -ERANGE
		? parser_error(parser, word, "bad-port", "port %.*s is greater than 65535", (int)text.size,
			       text.data)
		: parser_error(parser, word, "bad-port", "`%.*s' is not a port", (int)text.size, text.data);
	diagnostic_hint(error,
			"a port is a number from 0 to 65535 or a name in /etc/services; a range is 80:90");
	return -EINVAL;
}

int parser_port_range(struct rule_parser *parser, const struct word *word, struct text text, uint16_t *first,
		      uint16_t *last)
{
	const char *colon = memchr(text.data, ':', text.size);
	if (!colon) {
		uint16_t port;
		int result = parse_port(parser, word, text, &port);
		if (result == 0)
			*first = *last = port;
		return result;
	}
	struct text low = {text.data, (size_t)(colon - text.data)};
	struct text high = {colon + 1, text.size - low.size - 1};
	uint16_t low_port = 0, high_port = UINT16_MAX;
	int result = low.size ? parse_port(parser, word, low, &low_port) : 0;
	if (result == 0 && high.size)
		result = parse_port(parser, word, high, &high_port);
	if (result < 0)
		return result;
	if (low_port > high_port) {
		diagnostic_hint(parser_error(parser, word, "bad-port", "the range %.*s is empty",
					     (int)text.size, text.data),
				"did you mean %u:%u?", high_port, low_port);
		return -EINVAL;
	}
	*first = low_port;
	*last = high_port;
	return 0;
}
