/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One datagram carries many requests, each with a number of its own; the kernel goes through them before
 * sendmsg(2) returns, and gives each an answer: the element, or an error. */
#include "kernel/nft_ask.h"
#include "kernel/netlink.h"
#include "kernel/nft_batch.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#define AT_ONCE 256 /* requests in a datagram */
#define FEW 8
#define ROOM (AT_ONCE * 8192) /* for their answers, as the kernel counts their memory */
#define REQUEST_SIZE (NETLINK_REQUEST_MAX + NFT_NAME_MAXLEN)
#define ANSWER_SIZE 65536

struct asker {
	struct arena *arena;
	enum family family;
	const char *set;
	struct mnl_socket *socket;
	char *requests, *answer;
};

static size_t put_request(const struct asker *asker, const struct nft_question *question, unsigned number,
			  char *data)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(data);
	struct nfgenmsg *general;
	struct nlattr *list, *element, *value;

	message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM;
	message->nlmsg_flags = NLM_F_REQUEST;
	message->nlmsg_seq = number;
	general = mnl_nlmsg_put_extra_header(message, sizeof(*general));
	*general =
	    (struct nfgenmsg){.nfgen_family = asker->family == FAMILY_IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6,
			      .version = NFNETLINK_V0};
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, asker->set);
	list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
	value = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);
	mnl_attr_put(message, NFTA_DATA_VALUE, question->key.size, question->key.data);
	mnl_attr_nest_end(message, value);
	mnl_attr_nest_end(message, element);
	mnl_attr_nest_end(message, list);
	return MNL_ALIGN(message->nlmsg_len);
}

static int take_element(const struct asker *asker, const struct nlmsghdr *message,
			struct nft_question *question)
{
	const struct nlattr *attributes[NFTA_SET_ELEM_LIST_MAX + 1], *nest;
	const struct nlmsghdr *copy =
	    (const struct nlmsghdr *)arena_copy(asker->arena, (const char *)message, message->nlmsg_len);
	int error = copy ? 0 : -ENOMEM;

	if (error)
		return error;
	netlink_attributes(copy, sizeof(struct nfgenmsg), attributes, NFTA_SET_ELEM_LIST_MAX);
	if (attributes[NFTA_SET_ELEM_LIST_ELEMENTS])
		mnl_attr_for_each_nested(nest, attributes[NFTA_SET_ELEM_LIST_ELEMENTS])
		{
			error = nft_element_parse(asker->arena, nest, &question->element);
			question->has = !error;
			break;
		}
	return error;
}

static int take_answer(const struct asker *asker, const struct nlmsghdr *message,
		       struct nft_question *questions, size_t count)
{
	if (message->nlmsg_seq >= count)
		return -EPROTO;
	if (message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM))
		return take_element(asker, message, &questions[message->nlmsg_seq]);
	if (message->nlmsg_type != NLMSG_ERROR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(struct nlmsgerr))
		return -EPROTO;
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	return error->error == -ENOENT ? 0 : error->error ? error->error : -EPROTO;
}

static int take_answers(const struct asker *asker, struct nft_question *questions, size_t count)
{
	size_t answered = 0;
	int error = 0;

	while (answered < count && !error) {
		ssize_t size = mnl_socket_recvfrom(asker->socket, asker->answer, ANSWER_SIZE);
		const struct nlmsghdr *message = (const struct nlmsghdr *)asker->answer;
		int left = (int)size;
		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0)
			return size < 0 ? -errno : -EPROTO;
		for (; mnl_nlmsg_ok(message, left) && !error; message = mnl_nlmsg_next(message, &left)) {
			error = take_answer(asker, message, questions, count);
			answered++;
		}
	}
	return error;
}

static int ask_some(const struct asker *asker, struct nft_question *questions, size_t count)
{
	size_t size = 0;
	ssize_t sent;

	for (size_t i = 0; i < count; i++) {
		if (!questions[i].key.data || questions[i].key.size > NFT_DATA_VALUE_MAXLEN)
			return questions[i].key.data ? -EINVAL : -ENOMEM;
		questions[i].has = false;
		size += put_request(asker, &questions[i], (unsigned)i, asker->requests + size);
	}
	do
		sent = mnl_socket_sendto(asker->socket, asker->requests, size);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : take_answers(asker, questions, count);
}

/* *at_once: so many answers have room, which are lost where they have not (ENOBUFS). */
static int open_socket(struct asker *asker, size_t *at_once)
{
	int room = ROOM, on = 1, file;

	asker->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!asker->socket || mnl_socket_bind(asker->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	file = mnl_socket_get_fd(asker->socket);
	mnl_socket_setsockopt(asker->socket, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(file, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	if (setsockopt(file, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		*at_once = FEW; /* as within a user namespace: what every socket has */
	return 0;
}

int nft_elements_ask(struct arena *arena, enum family family, const char *set, struct nft_question *questions,
		     size_t count)
{
	size_t at_once = count < AT_ONCE ? count : AT_ONCE;
	struct asker asker = {.arena = arena,
			      .family = family,
			      .set = set,
			      .requests = malloc(at_once * REQUEST_SIZE + 1),
			      .answer = malloc(ANSWER_SIZE)};
	int error = asker.requests && asker.answer ? open_socket(&asker, &at_once) : -ENOMEM;

	for (size_t at = 0; at < count && !error; at += at_once) {
		size_t some = count - at < at_once ? count - at : at_once;
		error = ask_some(&asker, questions + at, some);
	}
	if (asker.socket)
		mnl_socket_close(asker.socket);
	free(asker.answer);
	free(asker.requests);
	return error;
}
