/* The visit for Android: package example.ble, class Visit, whose methods are these. A handle is a long; bytes are
 * arrays; nothing calls back into Java, so any one thread at a time may use a visit. The cryptography here is
 * libcrypto's; an app that keeps its key in the phone's key store brings a struct ble_crypto of its own.
 *
 *     long open(byte[] root, byte[] holderSeed, int mtu, byte[] random, long nowMs)
 *     int value(long visit, byte[] value, long nowMs)
 *     byte[] next(long visit, long nowMs)     action, request, result, records (a byte each), chain 4, number 8,
 *                                             pile 16, nonce 16, session 16, and then the data; null: wait
 *     int auth(long visit, byte[] voucher)    and put, start, stop, status, fetch, stored, deadline, idle, close */
#include <ble_openssl.h>
#include <ble_term.h>
#include <jni.h>
#include <stdlib.h>
#include <string.h>

#define NAME(method) Java_example_ble_Visit_##method
#define HEAD_SIZE 64

struct visit {
	struct ble_term term;
	uint8_t root[32], seed[32], holder[32];
};

static struct visit *of(jlong handle)
{
	return (struct visit *)(uintptr_t)handle;
}

/* Up to `room` bytes of an array; how many, or -1 where it has more. */
static int take(JNIEnv *env, jbyteArray array, uint8_t *ret, int room)
{
	int size = array ? (*env)->GetArrayLength(env, array) : 0;

	if (size > room)
		return -1;
	if (size)
		(*env)->GetByteArrayRegion(env, array, 0, size, (jbyte *)ret);
	return size;
}

JNIEXPORT jlong JNICALL NAME(open)(JNIEnv *env, jclass class, jbyteArray root, jbyteArray seed, jint mtu,
				   jbyteArray random, jlong now_ms)
{
	struct visit *v = calloc(1, sizeof(*v));
	struct ble_term_config config = { .crypto = &ble_openssl, .mtu = (unsigned)mtu };
	uint8_t bytes[48];

	if (!v)
		return 0;
	config.root = v->root;
	config.holder_key = v->seed;
	config.holder_public = v->holder;
	if (take(env, root, v->root, 32) != 32 || take(env, seed, v->seed, 32) != 32 ||
	    take(env, random, bytes, 48) != 48 || ble_openssl_public(v->seed, v->holder) < 0 ||
	    ble_term_open(&v->term, &config, bytes, (uint64_t)now_ms) < 0) {
		free(v);
		return 0;
	}
	return (jlong)(uintptr_t)v;
}

JNIEXPORT void JNICALL NAME(close)(JNIEnv *env, jclass class, jlong handle)
{
	ble_term_close(&of(handle)->term);
	memset(of(handle)->seed, 0, 32);
	free(of(handle));
}

JNIEXPORT jint JNICALL NAME(value)(JNIEnv *env, jclass class, jlong handle, jbyteArray value, jlong now_ms)
{
	uint8_t bytes[BLE_VALUE_MAX];
	int size = take(env, value, bytes, sizeof(bytes));

	return size < 0 ? -BLE_TOO_LONG : ble_term_value(&of(handle)->term, bytes, (size_t)size, (uint64_t)now_ms);
}

static void put(uint8_t *at, uint64_t value, int bytes)
{
	while (bytes--) {
		at[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

JNIEXPORT jbyteArray JNICALL NAME(next)(JNIEnv *env, jclass class, jlong handle, jlong now_ms)
{
	struct ble_term_step s;
	enum ble_term_action action = ble_term_next(&of(handle)->term, (uint64_t)now_ms, &s);
	uint8_t head[HEAD_SIZE] = { (uint8_t)action, (uint8_t)s.request, (uint8_t)s.result, (uint8_t)s.records };
	jbyteArray ret;

	if (action == BLE_TERM_WAIT)
		return NULL;
	ret = (*env)->NewByteArray(env, (jsize)(HEAD_SIZE + s.size));
	if (!ret)
		return NULL;
	put(head + 4, s.chain, 4);
	put(head + 8, s.seq, 8);
	memcpy(head + 16, s.pile, 16);
	memcpy(head + 32, s.nonce, 16);
	memcpy(head + 48, s.session, 16);
	(*env)->SetByteArrayRegion(env, ret, 0, HEAD_SIZE, (const jbyte *)head);
	if (s.size)
		(*env)->SetByteArrayRegion(env, ret, HEAD_SIZE, (jsize)s.size, (const jbyte *)s.data);
	return ret;
}

JNIEXPORT jint JNICALL NAME(auth)(JNIEnv *env, jclass class, jlong handle, jbyteArray voucher)
{
	uint8_t bytes[BLE_DOCUMENT_MAX];
	int size = take(env, voucher, bytes, sizeof(bytes));

	return size < 0 ? -BLE_TOO_LONG : ble_term_auth(&of(handle)->term, bytes, (size_t)size);
}

JNIEXPORT jint JNICALL NAME(put)(JNIEnv *env, jclass class, jlong handle, jint type, jbyteArray document)
{
	uint8_t bytes[BLE_DOCUMENT_MAX];
	int size = take(env, document, bytes, sizeof(bytes));

	return size < 0 ? -BLE_TOO_LONG : ble_term_put(&of(handle)->term, (enum ble_type)type, bytes, (size_t)size);
}

static jint command(JNIEnv *env, jlong handle, jint connector, jbyteArray order,
		    int (*say)(struct ble_term *, uint8_t, const uint8_t[16]))
{
	uint8_t id[16];

	return take(env, order, id, 16) != 16 ? -BLE_MALFORMED : say(&of(handle)->term, (uint8_t)connector, id);
}

JNIEXPORT jint JNICALL NAME(start)(JNIEnv *env, jclass class, jlong handle, jint connector, jbyteArray order)
{
	return command(env, handle, connector, order, ble_term_start);
}

JNIEXPORT jint JNICALL NAME(stop)(JNIEnv *env, jclass class, jlong handle, jint connector, jbyteArray order)
{
	return command(env, handle, connector, order, ble_term_stop);
}

JNIEXPORT jint JNICALL NAME(status)(JNIEnv *env, jclass class, jlong handle)
{
	return ble_term_status(&of(handle)->term);
}

JNIEXPORT jint JNICALL NAME(fetch)(JNIEnv *env, jclass class, jlong handle, jint chain, jlong from, jint most,
				   jbyteArray nonce)
{
	uint8_t bytes[16];

	if (take(env, nonce, bytes, 16) != 16)
		return -BLE_MALFORMED;
	return ble_term_fetch(&of(handle)->term, (uint32_t)chain, (uint64_t)from, (unsigned)most, bytes);
}

JNIEXPORT void JNICALL NAME(stored)(JNIEnv *env, jclass class, jlong handle, jboolean kept)
{
	ble_term_stored(&of(handle)->term, kept);
}

JNIEXPORT jlong JNICALL NAME(deadline)(JNIEnv *env, jclass class, jlong handle)
{
	return (jlong)ble_term_deadline_ms(&of(handle)->term);
}

JNIEXPORT jboolean JNICALL NAME(idle)(JNIEnv *env, jclass class, jlong handle)
{
	return ble_term_idle(&of(handle)->term);
}
