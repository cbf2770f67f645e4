/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rewriting: that random rulesets do the same to random packets, by the proof and by the engine. */
#include "rewrite_fixture.h"

#include "engine/engine.h"

struct random {
	uint64_t state;
};

static uint32_t below(struct random *random, uint32_t limit)
{
	uint64_t z = (random->state += 0x9e3779b97f4a7c15u); /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) >> 32) % limit;
}

static void draw_net(struct random *random, const char *option, struct buffer *out)
{
	static const unsigned lengths[] = {32, 32, 32, 32, 31, 30, 29};
	unsigned length = lengths[below(random, 7)];

	buffer_printf(out, "%s %s 192.0.2.%u/%u", below(random, 12) ? "" : " !", option,
		      below(random, 24) & ~((1u << (32 - length)) - 1), length);
}

/* Rules that are alike but for a key, so that there are lists, and some of another kind between them. */
static void draw_list_rule(struct random *random, const char *chain, unsigned kind, const char *target,
			   struct buffer *out)
{
	buffer_printf(out, "-A %s", chain);
	switch (kind) {
	case 0:
		draw_net(random, "-s", out);
		break;
	case 1:
		draw_net(random, "-d", out);
		buffer_puts(out, " -p tcp");
		break;
	case 2:
		buffer_printf(out, " -d 192.0.2.%u/32 -p tcp --dport %u", below(random, 24),
			      80 + below(random, 3));
		break;
	case 3:
		buffer_printf(out, " -d 192.0.2.1/32 -p %s --%cport %u", below(random, 2) ? "tcp" : "udp",
			      below(random, 4) ? 'd' : 's', 80 + below(random, 12));
		if (below(random, 4) == 0)
			buffer_printf(out, ":%u", 92 + below(random, 12));
		break;
	case 4:
		draw_net(random, "-s", out);
		buffer_printf(out, " -i eth0 -p udp --dport %u", 80 + below(random, 3));
		break;
	default:
		buffer_printf(out, " -s 192.0.2.%u/32 -d 192.0.2.%u/32 -p udp --sport %u", below(random, 24),
			      below(random, 24), 80 + below(random, 3));
		break;
	}
	buffer_printf(out, " -j %s\n", target);
}

static void draw_rule(struct random *random, const char *chain, bool raw, struct buffer *out)
{
	static const char *const targets[] = {"DROP",   "DROP", "ACCEPT", "ACCEPT",
					      "ACCEPT", "one",  "RETURN", "LOG"};
	const char *target = raw ? (below(random, 4) ? "CT --notrack" : "ACCEPT") : targets[below(random, 8)];

	if (strcmp(chain, "one") == 0 && strcmp(target, "one") == 0)
		target = "DROP";
	if (below(random, 12)) {
		static const char *const list_targets[] = {"DROP",   "ACCEPT", "DROP",
							   "ACCEPT", "LOG",    "RETURN"};
		unsigned kind = below(random, 6);
		draw_list_rule(random, chain, kind, raw ? "CT --notrack" : list_targets[kind], out);
		return;
	}
	buffer_printf(out, "-A %s", chain);
	if (below(random, 4))
		draw_net(random, "-s", out);
	if (below(random, 6) == 0)
		buffer_printf(out, " -i eth%u", below(random, 2));
	if (below(random, 2)) {
		buffer_printf(out, " -p %s", below(random, 2) ? "tcp" : "udp");
		if (below(random, 4))
			buffer_printf(out, " --%cport %u", below(random, 4) ? 'd' : 's',
				      80 + below(random, 3));
	}
	if (below(random, 8) == 0)
		buffer_puts(out, " -m limit --limit 1/s");
	if (!raw && below(random, 10) == 0)
		buffer_puts(out, " -m conntrack --ctstate NEW");
	if (below(random, 10) == 0)
		buffer_puts(out, " -m mark --mark 1");
	buffer_printf(out, " -j %s\n", target);
}

static void draw_ruleset(struct random *random, struct buffer *out)
{
	unsigned rules = 40 + below(random, 100);

	buffer_puts(out, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	for (unsigned i = 0; i < rules / 2; i++)
		draw_rule(random, "PREROUTING", true, out);
	buffer_puts(out, "COMMIT\n*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT "
			 "[0:0]\n:one - [0:0]\n");
	for (unsigned i = 0; i < rules; i++)
		draw_rule(random, below(random, 4) ? "INPUT" : "one", false, out);
	buffer_puts(out, "COMMIT\n");
}

static struct packet draw_packet(struct random *random)
{
	struct packet packet = {.family = FAMILY_IPV4,
				.known = KNOWN_IN | KNOWN_OUT | KNOWN_PROTOCOL | KNOWN_SOURCE |
					 KNOWN_DESTINATION | KNOWN_PORTS | KNOWN_TCP_FLAGS | KNOWN_STATE |
					 KNOWN_LENGTH | KNOWN_FRAGMENT | KNOWN_MARK,
				.protocol = below(random, 2) ? 6 : 17,
				.source_port = (uint16_t)(80 + below(random, below(random, 2) ? 3 : 26)),
				.destination_port = (uint16_t)(80 + below(random, below(random, 2) ? 3 : 26)),
				.source = {192, 0, 2, (uint8_t)below(random, 26)},
				.destination = {192, 0, 2, (uint8_t)below(random, 26)},
				.length = 60,
				.mark = below(random, 2),
				.state = below(random, 2) ? STATE_NEW : STATE_ESTABLISHED};

	if (below(random, 4) == 0) /* where there are lists of ports */
		packet.destination[3] = 1;
	snprintf(packet.in, sizeof(packet.in), "eth%u", below(random, 3));
	if (below(random, 10) == 0) {
		packet.fragment_offset = 100;
		packet.known &= ~(uint32_t)(KNOWN_PORTS | KNOWN_TCP_FLAGS);
	}
	return packet;
}

static void same_outcome(const struct packet *packet, const char *rules)
{
	struct outcome old, new;

	assert_int_equal(engine_run(before, packet, PATH_INPUT, NULL, NULL, &old), 0);
	assert_int_equal(engine_run(after, packet, PATH_INPUT, NULL, NULL, &new), 0);
	if (old.verdicts == new.verdicts && old.effects == new.effects &&old.untracked == new.untracked)
		return;
	struct buffer text = {0};
	packet_print(packet, &text);
	fail_msg("%s\nverdicts %u, now %u; effects %u, now %u\n%s\n%s\n%s", text.data, old.verdicts,
		 new.verdicts, old.effects, new.effects, rules, rules4.data, sets.data ? sets.data : "");
}

static void random_rulesets_do_the_same(void **state)
{
	const char *wanted = getenv("WEIR_REWRITE_RULESETS");
	unsigned rulesets = wanted ? (unsigned)atoi(wanted) : 60;
	size_t lists = 0, ports = 0;
	(void)state;

	for (unsigned seed = 1; seed <= rulesets; seed++) {
		struct random random = {seed};
		struct buffer text = {0};
		draw_ruleset(&random, &text);
		print_message("seed %u\n", seed);
		filter(text.data);
		lists += rewrite_set_count(rewrite);
		ports += strstr(rules4.data, "-m multiport") != NULL;
		for (unsigned i = 0; i < 300; i++) {
			struct packet packet = draw_packet(&random);
			same_outcome(&packet, text.data);
		}
		buffer_fini(&text);
		forget(NULL);
	}
	print_message("%zu sets, %zu rulesets with lists of ports\n", lists, ports);
	assert_true(lists >= rulesets);
	assert_true(ports >= rulesets / 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(random_rulesets_do_the_same, forget),
	};
	return cmocka_run_group_tests_name("rewrite_random", tests, NULL, NULL);
}
