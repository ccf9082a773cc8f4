/* What ThreadSanitizer cannot see in a libzmq that was not built for it: whatever was done before a message was sent
 * has happened before it is received. Linked into TSan builds alone, around libzmq's functions (-Wl,--wrap). One
 * object stands for all sockets: races between threads that have exchanged other messages meanwhile are missed. */
#include <zmq.h>

void __tsan_acquire(void *object);
void __tsan_release(void *object);

int __real_zmq_msg_send(zmq_msg_t *message, void *socket, int flags);
int __real_zmq_msg_recv(zmq_msg_t *message, void *socket, int flags);
int __real_zmq_send(void *socket, const void *data, size_t size, int flags);
int __real_zmq_recv(void *socket, void *data, size_t size, int flags);
int __wrap_zmq_msg_send(zmq_msg_t *message, void *socket, int flags);
int __wrap_zmq_msg_recv(zmq_msg_t *message, void *socket, int flags);
int __wrap_zmq_send(void *socket, const void *data, size_t size, int flags);
int __wrap_zmq_recv(void *socket, void *data, size_t size, int flags);

static char order;

int __wrap_zmq_msg_send(zmq_msg_t *message, void *socket, int flags)
{
	__tsan_release(&order);
	return __real_zmq_msg_send(message, socket, flags);
}

int __wrap_zmq_msg_recv(zmq_msg_t *message, void *socket, int flags)
{
	int received = __real_zmq_msg_recv(message, socket, flags);

	if (received >= 0)
		__tsan_acquire(&order);
	return received;
}

int __wrap_zmq_send(void *socket, const void *data, size_t size, int flags)
{
	__tsan_release(&order);
	return __real_zmq_send(socket, data, size, flags);
}

int __wrap_zmq_recv(void *socket, void *data, size_t size, int flags)
{
	int received = __real_zmq_recv(socket, data, size, flags);

	if (received >= 0)
		__tsan_acquire(&order);
	return received;
}
