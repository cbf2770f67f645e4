/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Of a set that rules ask for only to drop what is in it, more members make the rules drop more; of one that
 * they ask for in any other way nothing is said. Rules are put together as the kernel tells them. */
#include "kernel/nft_drops.h"
#include "kernel/nft_batch.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SET "set-x"

static struct nft_batch batch;
static size_t nests[2];

static void message(unsigned type)
{
	nft_batch_message(&batch, FAMILY_IPV4, type, 0);
	nft_put_string(&batch, NFTA_TABLE_NAME, NFT_TABLE);
}

static void begin(void)
{
	nft_batch_begin(&batch, 0);
	message(NFT_MSG_NEWTABLE);
	message(NFT_MSG_NEWSET);
	nft_put_string(&batch, NFTA_SET_NAME, SET);
	message(NFT_MSG_NEWSET);
	nft_put_string(&batch, NFTA_SET_NAME, "set-y");
	message(NFT_MSG_NEWCHAIN);
	nft_put_string(&batch, NFTA_CHAIN_NAME, "c");
	message(NFT_MSG_NEWRULE);
	nft_put_string(&batch, NFTA_RULE_CHAIN, "c");
	nests[0] = nft_nest_begin(&batch, NFTA_RULE_EXPRESSIONS);
}

static size_t open_expression(const char *name)
{
	nests[1] = nft_nest_begin(&batch, NFTA_LIST_ELEM);
	nft_put_string(&batch, NFTA_EXPR_NAME, name);
	return nft_nest_begin(&batch, NFTA_EXPR_DATA);
}

static void close_expression(size_t data)
{
	nft_nest_end(&batch, data);
	nft_nest_end(&batch, nests[1]);
}

static void number(const char *name, unsigned type, uint32_t value)
{
	size_t data = open_expression(name);

	nft_put_u32(&batch, type, value);
	close_expression(data);
}

static void named(const char *name, unsigned type, const char *set, uint32_t flags)
{
	size_t data = open_expression(name);

	nft_put_string(&batch, type, set);
	if (flags)
		nft_put_u32(&batch, NFTA_LOOKUP_FLAGS, flags);
	close_expression(data);
}

static void lookup(const char *set)
{
	number("payload", NFTA_PAYLOAD_DREG, 1);
	named("lookup", NFTA_LOOKUP_SET, set, 0);
}

static void verdict(uint32_t code)
{
	size_t expression = open_expression("immediate"), data, inner;

	nft_put_u32(&batch, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nft_nest_begin(&batch, NFTA_IMMEDIATE_DATA);
	inner = nft_nest_begin(&batch, NFTA_DATA_VERDICT);
	nft_put_u32(&batch, NFTA_VERDICT_CODE, code);
	nft_nest_end(&batch, inner);
	nft_nest_end(&batch, data);
	close_expression(expression);
}

/* What the rule that was begun says of the set. */
static bool only_drops(void)
{
	struct nft_image *image;
	struct buffer raw = {0};
	bool only;

	nft_nest_end(&batch, nests[0]);
	nft_batch_take(&batch, &raw);
	assert_int_equal(nft_image_parse_copy(&raw, &image), 0);
	only = nft_set_only_drops(image, FAMILY_IPV4, SET);
	assert_true(nft_set_only_drops(image, FAMILY_IPV6, SET)); /* another one, which no rule asks for */
	nft_image_free(image);
	nft_batch_fini(&batch);
	buffer_fini(&raw);
	return only;
}

static void a_drop_of_what_is_in_it(void **state)
{
	(void)state;
	begin();
	number("meta", NFTA_META_DREG, 1);
	number("cmp", NFTA_CMP_SREG, 1);
	lookup(SET);
	number("counter", NFTA_COUNTER_PACKETS, 0);
	verdict(NF_DROP);
	assert_true(only_drops());
	/* rules that do not ask for it may do anything */
	begin();
	lookup("set-y");
	number("meta", NFTA_META_SREG, 1);
	verdict(NF_ACCEPT);
	assert_true(only_drops());
}

static void any_other_end(void **state)
{
	(void)state;
	begin();
	lookup(SET);
	verdict(NF_ACCEPT);
	assert_false(only_drops());
	begin();
	lookup(SET);
	verdict((uint32_t)NFT_RETURN);
	assert_false(only_drops());
	begin();
	lookup(SET);
	assert_false(only_drops());
}

static void what_is_not_in_it(void **state)
{
	(void)state;
	begin();
	named("lookup", NFTA_LOOKUP_SET, SET, NFT_LOOKUP_F_INV);
	verdict(NF_DROP);
	assert_false(only_drops());
	begin();
	lookup(SET);
	named("lookup", NFTA_LOOKUP_SET, SET, NFT_LOOKUP_F_INV);
	verdict(NF_DROP);
	assert_false(only_drops());
}

/* Behind the lookup, or in front of it, with a drop at the end. */
static void what_writes_or_counts(void **state)
{
	static const struct {
		const char *name;
		unsigned type;
	} all[] = {{"meta", NFTA_META_SREG},
		   {"ct", NFTA_CT_SREG},
		   {"payload", NFTA_PAYLOAD_SREG},
		   {"limit", NFTA_LIMIT_BURST},
		   {"quota", NFTA_QUOTA_FLAGS},
		   {"notrack", 1},
		   {"connlimit", 1},
		   {"numgen", NFTA_NG_DREG},
		   {"unheard", 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		begin();
		lookup(SET);
		number(all[i].name, all[i].type, 1);
		verdict(NF_DROP);
		assert_false(only_drops());
		begin();
		number(all[i].name, all[i].type, 1);
		lookup(SET);
		verdict(NF_DROP);
		assert_false(only_drops());
	}
	begin();
	named("dynset", NFTA_DYNSET_SET_NAME, SET, 0);
	verdict(NF_DROP);
	assert_false(only_drops());
	begin();
	lookup(SET);
	named("dynset", NFTA_DYNSET_SET_NAME, "set-y", 0);
	verdict(NF_DROP);
	assert_false(only_drops());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_drop_of_what_is_in_it),
	    cmocka_unit_test(any_other_end),
	    cmocka_unit_test(what_is_not_in_it),
	    cmocka_unit_test(what_writes_or_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
