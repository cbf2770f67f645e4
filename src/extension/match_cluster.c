/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m cluster: which node of a cluster a connection belongs to, by a hash of the address it began from:
 * xt_cluster_mt() in net/netfilter/xt_cluster.c. Of an expected connection it is that of the one which
 * expected it. Without a connection it does not match, negated or not.
 */
#include "extension/guided.h"
#include "extension/state.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>

#define NODES_MAX 32 /* XT_CLUSTER_NODES_MAX */

enum { CLUSTER_NODE, CLUSTER_MASK, CLUSTER_TOTAL, CLUSTER_SEED, CLUSTER_COUNT };

/* iptables takes masks from 1 to 32, as if they were nodes; iptables-save prints them all, with eight digits.
 */
static int mask_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	if (guided_number(word->text, UINT32_MAX, &value->number) || value->number == 0 ||
	    (value->number > NODES_MAX && word->text.size != 10))
		return guided_refuse(parser, word, "a mask from 1 to 32, or 0x00000001 to 0xffffffff");
	return 0;
}

static const struct guide guides[CLUSTER_COUNT] = {
    [CLUSTER_NODE] = {.name = "--cluster-local-node",
		      .kind = GUIDE_NUMBER,
		      .flags = GUIDE_INVERTIBLE,
		      .min = 1,
		      .max = NODES_MAX,
		      .excludes = 1u << CLUSTER_MASK},
    [CLUSTER_MASK] = {.name = "--cluster-local-nodemask",
		      .kind = GUIDE_OWN,
		      .flags = GUIDE_INVERTIBLE,
		      .excludes = 1u << CLUSTER_NODE,
		      .parse = mask_value},
    [CLUSTER_TOTAL] = {.name = "--cluster-total-nodes",
		       .kind = GUIDE_NUMBER,
		       .flags = GUIDE_MANDATORY,
		       .min = 1,
		       .max = NODES_MAX},
    [CLUSTER_SEED] = {.name = "--cluster-hash-seed",
		      .kind = GUIDE_NUMBER,
		      .flags = GUIDE_MANDATORY,
		      .max = UINT32_MAX},
};

static uint64_t node_mask(const struct guided *cluster)
{
	return guided_seen(cluster, CLUSTER_MASK) ? cluster->values[CLUSTER_MASK].number
						  : UINT64_C(1) << (cluster->values[CLUSTER_NODE].number - 1);
}

static bool is_inverted(const struct guided *cluster)
{
	return guided_inverted(cluster, CLUSTER_MASK) || guided_inverted(cluster, CLUSTER_NODE);
}

static int cluster_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, CLUSTER_COUNT);
}

static int cluster_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct guided), guides, CLUSTER_COUNT,
				  match->span, "-m cluster");
	const struct guided *cluster = match->data;

	if (error)
		return error;
	if (!guided_seen(cluster, CLUSTER_NODE) && !guided_seen(cluster, CLUSTER_MASK)) {
		diagnostic_hint(
		    option_error(parser, match->span, "missing-option", "-m cluster has no local node"),
		    "write --cluster-local-node or --cluster-local-nodemask");
		return -EINVAL;
	}
	if (node_mask(cluster) >> cluster->values[CLUSTER_TOTAL].number) {
		diagnostic_hint(option_error(parser, match->span, "bad-value",
					     "-m cluster has fewer nodes than the local node's number"),
				"--cluster-total-nodes is the number of all of them");
		return -EINVAL;
	}
	return 0;
}

static void cluster_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *cluster = match->data;
	(void)rule;

	buffer_printf(
	    out,
	    "-m cluster%s --cluster-local-nodemask 0x%08x --cluster-total-nodes %u --cluster-hash-seed "
	    "0x%08x",
	    is_inverted(cluster) ? " !" : "", (unsigned)node_mask(cluster),
	    (unsigned)cluster->values[CLUSTER_TOTAL].number, (unsigned)cluster->values[CLUSTER_SEED].number);
}

static uint32_t rotate(uint32_t value, unsigned by)
{
	return value << by | value >> (32 - by);
}

/* jhash_1word() of include/linux/jhash.h: Bob Jenkins' lookup3. */
static uint32_t hash_word(uint32_t word, uint32_t seed)
{
	uint32_t b = 0xdeadbeef + sizeof(word) + seed, a = b + word, c = b;

	c = (c ^ b) - rotate(b, 14);
	a = (a ^ c) - rotate(c, 11);
	b = (b ^ a) - rotate(a, 25);
	c = (c ^ b) - rotate(b, 16);
	a = (a ^ c) - rotate(c, 4);
	b = (b ^ a) - rotate(a, 14);
	return (c ^ b) - rotate(b, 24);
}

/* Of the address as it lies in the packet. Of an IPv6 address the kernel takes the first four bytes only:
 * xt_cluster_hash_ipv6() says NF_CT_TUPLE_L3SIZE, which counts words, by the size of a word. */
static uint32_t hash_address(enum family family, address source, uint32_t seed)
{
	return hash_word(htonl((uint32_t)(family == FAMILY_IPV4 ? source : source >> 96)), seed);
}

static enum truth cluster_evaluate(const struct match *match, const struct rule *rule,
				   const struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *cluster = match->data;
	const struct connection *connection = evaluation->connection;
	unsigned possible = state_possible(evaluation);
	(void)rule;

	if (!(possible & ~STATES_WITHOUT))
		return TRUTH_NO;
	if (!connection || possible & STATES_WITHOUT || connection->status & IPS_EXPECTED)
		return TRUTH_UNKNOWN;
	uint64_t hash = hash_address(packet->family, connection->original.source,
				     (uint32_t)cluster->values[CLUSTER_SEED].number);
	unsigned node = (unsigned)(hash * cluster->values[CLUSTER_TOTAL].number >> 32);
	return truth_of((node_mask(cluster) >> node & 1) != is_inverted(cluster));
}

static diagram_node cluster_mean(const struct match *match, const struct rule *rule,
				 const struct fields *fields)
{
	return diagram_and(fields->diagram, state_list_mean(fields, STATES_TRACKED),
			   unseen_mean(match, rule, fields));
}

const struct match_type match_cluster = {
    .name = "cluster",
    .modelled = true,
    .changes = true, /* a multicast packet becomes one for this host: xt_cluster_mt() */
    .reads_state = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, false},
    .parse = cluster_parse,
    .finish = cluster_finish,
    .print = cluster_print,
    .evaluate = cluster_evaluate,
    .declare = unseen_declare,
    .mean = cluster_mean,
};
