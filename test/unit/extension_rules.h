/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For the tests of extension/: one rule read by the project's own readers, and packets with any field left
 * out. */
#ifndef WEIR_TEST_EXTENSION_RULES_H
#define WEIR_TEST_EXTENSION_RULES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "read/load.h"
#include "ruleset/extension_type.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct loaded {
	struct ruleset *ruleset;
	struct chain *chain; /* that the rules were for; NULL when the input was refused */
	struct rule *rule;   /* the last one of it */
	struct buffer messages;
};

static inline void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static inline bool is_builtin_name(const char *chain)
{
	for (unsigned hook = 0; hook < HOOK_COUNT; hook++)
		if (!strcmp(chain, hook_names[hook]))
			return true;
	return false;
}

/* `rules`: one a line, all of them for that chain; a chain "user" is there, too. */
static inline struct loaded load_chain(enum family family, const char *table, const char *chain,
				       const char *sets, const char *rules)
{
	char directory[] = "/tmp/weir-extension-XXXXXX", rules_path[64], sets_path[64];
	struct buffer text = {0};
	struct loaded loaded = {0};
	char *copy = strdup(rules), *rest = copy;

	assert_non_null(mkdtemp(directory));
	snprintf(rules_path, sizeof(rules_path), "%s/rules.%s", directory,
		 family == FAMILY_IPV4 ? "v4" : "v6");
	snprintf(sets_path, sizeof(sets_path), "%s/ipsets", directory);
	buffer_printf(&text, "*%s\n:user - [0:0]\n", table);
	if (!is_builtin_name(chain) && strcmp(chain, "user"))
		buffer_printf(&text, ":%s - [0:0]\n", chain);
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		if (*line)
			buffer_printf(&text, "-A %s %s\n", chain, line);
	}
	buffer_puts(&text, "COMMIT\n");
	write_file(rules_path, text.data);
	write_file(sets_path, sets);
	const char *paths[] = {rules_path, sets_path};
	struct diagnostics *sink = diagnostics_new();
	assert_non_null(sink);
	int error = rules_load(paths, *sets ? 2 : 1, sink, &loaded.ruleset);
	if (error)
		assert_int_equal(error, -EINVAL);
	diagnostics_print(sink, &loaded.messages);
	diagnostics_free(sink);
	for (unsigned id = 0; id < TABLE_COUNT && !error && !loaded.chain; id++)
		loaded.chain = table_find_chain(&loaded.ruleset->tables[family][id], text_of(chain));
	if (loaded.chain && loaded.chain->rule_count)
		loaded.rule = &loaded.chain->rules[loaded.chain->rule_count - 1];
	unlink(rules_path);
	unlink(sets_path);
	rmdir(directory);
	buffer_fini(&text);
	free(copy);
	return loaded;
}

static inline void loaded_free(struct loaded *loaded)
{
	if (loaded->ruleset)
		ruleset_free(loaded->ruleset);
	buffer_fini(&loaded->messages);
}

/* For a chain X of its own: rules that are taken. */
static inline struct loaded load_rules(enum family family, const char *table, const char *sets,
				       const char *rules)
{
	struct loaded loaded = load_chain(family, table, "X", sets, rules);

	if (!loaded.rule)
		fail_msg("%s: %s", rules, loaded.messages.data ? loaded.messages.data : "no rule");
	return loaded;
}

static inline void packet_field(struct packet *packet, struct evaluation *evaluation, const char *key,
				const char *value)
{
	address parsed;

	if (!strcmp(key, "proto")) {
		packet->protocol = (uint8_t)getprotobyname(value)->p_proto;
		packet->known |= KNOWN_PROTOCOL;
	} else if (!strcmp(key, "src") || !strcmp(key, "dst")) {
		assert_int_equal(address_parse(packet->family, text_of(value), &parsed), 0);
		address_to_bytes(packet->family, parsed, *key == 's' ? packet->source : packet->destination);
		packet->known |= *key == 's' ? KNOWN_SOURCE : KNOWN_DESTINATION;
	} else if (!strcmp(key, "sport")) {
		packet->source_port = (uint16_t)atoi(value);
		packet->known |= KNOWN_SOURCE_PORT;
	} else if (!strcmp(key, "dport")) {
		packet->destination_port = (uint16_t)atoi(value);
		packet->known |= KNOWN_DESTINATION_PORT;
	} else if (!strcmp(key, "in")) {
		snprintf(packet->in, sizeof(packet->in), "%s", value);
		packet->known |= KNOWN_IN;
	} else if (!strcmp(key, "mark")) {
		packet->mark = (uint32_t)strtoul(value, NULL, 0);
		packet->known |= KNOWN_MARK;
	} else if (!strcmp(key, "mac")) {
		assert_int_equal(sscanf(value, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &packet->mac[0],
					&packet->mac[1], &packet->mac[2], &packet->mac[3], &packet->mac[4],
					&packet->mac[5]),
				 6);
		packet->known |= KNOWN_MAC;
	} else if (!strcmp(key, "flags")) {
		packet->tcp_flags = 2; /* syn is the only one used */
		packet->known |= KNOWN_TCP_FLAGS;
	} else if (!strcmp(key, "type")) {
		packet->icmp_type = (uint8_t)atoi(value);
		packet->known |= KNOWN_ICMP;
	} else if (!strcmp(key, "code")) {
		packet->icmp_code = (uint8_t)atoi(value);
	} else if (!strcmp(key, "offset")) {
		packet->fragment_offset = (uint16_t)atoi(value);
	} else if (!strcmp(key, "short")) {
		packet->transport_short = true;
	} else if (!strcmp(key, "stateless")) { /* in raw, perhaps behind a NOTRACK */
		evaluation->has_state = TRUTH_NO;
	} else if (!strcmp(key, "state")) {
		evaluation->state_known = true;
		for (unsigned i = 0; i < STATE_COUNT; i++) {
			if (!strcmp(connection_state_name(i), value))
				evaluation->state = i;
		}
	} else {
		fail_msg("no such key: %s", key);
	}
}

/* key=value, apart by blanks; what is not named is not known, but the fragment. */
static inline void packet_from_text(const char *text, struct packet *packet, struct evaluation *evaluation)
{
	char *copy = strdup(text), *rest = copy;

	*packet = (struct packet){.family = FAMILY_IPV4, .known = KNOWN_FRAGMENT};
	*evaluation = (struct evaluation){.has_state = TRUTH_YES};
	for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
		char *value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		if (*word)
			packet_field(packet, evaluation, word, value ? value : "");
	}
	free(copy);
}

#endif
