/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * LOG: writes the packet to the kernel's log, or to where nf_log sends it, and goes on:
 * net/netfilter/xt_LOG.c. */
#include "extension/option.h"
#include "extension/types.h"

#include <errno.h>
#include <string.h>

#define PREFIX_MAX 29   /* struct xt_log_info has 30 bytes; iptables cuts off what is longer */
#define LEVEL_DEFAULT 4 /* LOG_WARNING: not printed */

enum { SEEN_PREFIX = 1 << 16, SEEN_LEVEL = 1 << 17 };

struct log_target {
	unsigned seen; /* 1 << index into flags, and the above */
	unsigned level;
	struct text prefix;
};

static const char *const flags[] = {"--log-tcp-sequence", "--log-tcp-options", "--log-ip-options",
				    "--log-uid", "--log-macdecode"};
#define FLAG_COUNT (sizeof(flags) / sizeof(*flags))

static int prefix_parse(struct rule_parser *parser, struct log_target *log)
{
	const struct word *word = parser_argument(parser);
	if (!word)
		return -EINVAL;
	if (!word->text.size || memchr(word->text.data, '\n', word->text.size)) {
		diagnostic_hint(
		    parser_error(parser, word, "bad-value", "a log prefix is one line, and not empty"),
		    "leave --log-prefix out to log without one");
		return -EINVAL;
	}
	log->prefix = word->text;
	if (log->prefix.size > PREFIX_MAX)
		log->prefix.size = PREFIX_MAX;
	return 0;
}

static int level_parse(struct rule_parser *parser, struct log_target *log)
{
	static const struct {
		const char *name;
		unsigned level;
	} levels[] = {{"alert", 1}, {"crit", 2},   {"debug", 7}, {"emerg", 0},  {"error", 3},
		      {"info", 6},  {"notice", 5}, {"panic", 0}, {"warning", 4}};
	const struct word *word = parser_argument(parser);
	uint64_t number;

	if (!word)
		return -EINVAL;
	if (option_number(word->text, 7, &number) == 0) {
		log->level = (unsigned)number;
		return 0;
	}
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		if (!text_is(word->text, levels[i].name))
			continue;
		log->level = levels[i].level;
		return 0;
	}
	diagnostic_hint(parser_error(parser, word, "bad-value", "\"%.*s\" is not a log level",
				     (int)word->text.size, word->text.data),
			"0 to 7, or emerg, alert, crit, error, warning, notice, info, debug");
	return -EINVAL;
}

static int log_parse(struct rule_parser *parser, struct target *target)
{
	bool first = !target->data;
	struct log_target *log = option_data(parser, &target->data, sizeof(*log));
	unsigned bit = 0;

	if (!log)
		return -ENOMEM;
	if (first)
		log->level = LEVEL_DEFAULT;
	if (parser_option_is(parser, "--log-prefix"))
		bit = SEEN_PREFIX;
	else if (parser_option_is(parser, "--log-level"))
		bit = SEEN_LEVEL;
	for (size_t i = 0; i < FLAG_COUNT && !bit; i++) {
		if (parser_option_is(parser, flags[i]))
			bit = 1u << i;
	}
	if (!bit)
		return 0;
	int error = parser_refuse_inversion(parser);
	if (!error)
		error = option_once(parser, &log->seen, bit, 0);
	if (!error && bit == SEEN_PREFIX)
		error = prefix_parse(parser, log);
	if (!error && bit == SEEN_LEVEL)
		error = level_parse(parser, log);
	if (!error) /* a "!" before the argument, in the old style */
		error = parser_refuse_inversion(parser);
	return error ? error : 1;
}

static int log_finish(struct rule_parser *parser, struct target *target)
{
	bool first = !target->data;
	struct log_target *log = option_data(parser, &target->data, sizeof(*log));
	if (!log)
		return -ENOMEM;
	if (first)
		log->level = LEVEL_DEFAULT;
	return 0;
}

static void log_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct log_target *log = target->data;
	(void)rule;

	if (log->prefix.size) {
		buffer_puts(out, " --log-prefix");
		option_print_string(out, log->prefix);
	}
	if (log->level != LEVEL_DEFAULT)
		buffer_printf(out, " --log-level %u", log->level);
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		if (log->seen & 1u << i)
			buffer_printf(out, " %s", flags[i]);
	}
}

const struct target_type target_log = {
    .name = "LOG",
    .modelled = true,
    .kind = TARGET_CONTINUE,
    .effects = EFFECT_LOG,
    .parse = log_parse,
    .finish = log_finish,
    .print = log_print,
};
