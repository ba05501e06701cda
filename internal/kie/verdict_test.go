package kie

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// answered is the answer to a paid call with these in its envelope.
func answered(t testing.TB, status, code int, message string, data any) answer {
	t.Helper()
	body, err := json.Marshal(map[string]any{"code": code, "msg": message, "data": data})
	require.NoError(t, err)
	return decodeAnswer(status, body)
}

// lackingCredits are texts that were seen with this provider, its siblings and services like it, or
// that say the same.
var lackingCredits = []string{
	"You do not have enough credits to perform this operation",
	"Your credit balance is too low",
	"You have insufficient funds",
	"积分不足",
	"Credits insufficient : Your current balance isn't enough to run this request. Please top up to continue.",
	"Your current balance isn’t enough",
	"Insufficient credits",
	"INSUFFICIENT_CREDITS",
	"insufficientCredits",
	"Insufficient-Funds",
	"Insufficient account balance",
	"insufficient_user_quota",
	"your balance is not enough",
	"You don't have sufficient credits.",
	"Not enough remaining credits",
	"Balance not enough, please recharge",
	"Your account has run out of credits",
	"Out of credits",
	"No credits left",
	"Your credits have been exhausted",
	"Credits are used up",
	"Your account balance is negative",
	"Account balance: insufficient",
	"The cost exceeds your available balance",
	"This operation requires 50 credits, but you only have 10",
	"Please recharge",
	"Please top up your account",
	"Top up required",
	"Please top-up and try again",
	"please add more credits",
	"You've used all your credits",
	"No credits",
	"Account has no credits",
	"You have 0 credits left",
	"You don't have any credits left",
	"You do not have the required credits",
	"Not enough quota",
	"Insufficient number of credits",
	"Insufficient token balance",
	"Your wallet balance is too low",
	"Balance: 0, required: 10",
	"The balance of your account does not cover this request",
	"Your remaining credits (3) are less than the required 10",
	"Account in arrears",
	"余额不足",
	"账户余额不足，请充值",
	"您的积分余额不足",
	"额度不足",
	"额度已用完",
	"点数不够",
	"积分已耗尽",
	"没有足够的积分",
	"帳戶餘額不足",
	"積分不足，請先儲值",
	"请先充值",
	"账户已欠费",
	"扣费未成功，余额不足",
}

func TestLackOfCreditsUnderAnyCode(t *testing.T) {
	for _, message := range lackingCredits {
		for _, spelling := range []string{message, strings.ToUpper(message), "Error:  " + message + "\n"} {
			for _, code := range []int{0, 201, 400, 402, 403, 408, 409, 422, 429, 500, 501, 531} {
				for _, status := range []int{200, 400, 500} {
					a := answered(t, status, code, spelling, nil)
					require.Equal(
						t,
						InsufficientCredits,
						verdictOf(a, call{paid: true}),
						"HTTP %d, code %d: %q",
						status,
						code,
						spelling,
					)
				}
			}
		}
	}
}

// An answer that may be an acceptance is never taken for a refusal because of what it says.
func TestCreditsTextIsNoRefusalWhereTheCallMayBeAccepted(t *testing.T) {
	for _, message := range append([]string{"Your call frequency is too high", "请求过于频繁"}, lackingCredits...) {
		for name, a := range map[string]answer{
			"a task under 500":      answered(t, 200, 500, message, map[string]any{"taskId": "aeab85c2"}),
			"a task under HTTP 500": answered(t, 500, 500, message, map[string]any{"task_id": "aeab85c2"}),
			"a task above data": decodeAnswer(
				200, fmt.Appendf(nil, `{"code":500,"msg":%q,"task_id":"aeab85c2","data":null}`, message),
			),
			"a task further within": answered(
				t, 200, 500, message, map[string]any{"data": map[string]any{"taskId": "aeab85c2"}},
			),
			"a task in a string":     answered(t, 200, 500, message, `{"taskId":"aeab85c2"}`),
			"not the provider's":     decodeAnswer(200, []byte(message)),
			"not the provider's 500": decodeAnswer(500, []byte(message)),
			"without a code":         decodeAnswer(200, fmt.Appendf(nil, `{"msg":%q}`, message)),
		} {
			require.Equal(t, Unknown, verdictOf(a, call{paid: true}), "%s: %q", name, message)
		}
	}
	for _, message := range lackingCredits {
		require.Equal(t, Unknown, verdictOf(answered(t, 200, 200, message, nil), call{paid: true}), "%q under success", message)
	}
}

// The status of HTTP is not the provider's word where its own envelope says otherwise.
func TestAcceptanceUnderAnyStatusIsNoRefusal(t *testing.T) {
	task := map[string]any{"taskId": "aeab85c2"}
	for _, status := range []int{400, 401, 402, 403, 404, 409, 422, 429, 455} {
		for _, a := range []answer{
			answered(t, status, 200, "success", task), answered(t, status, 200, "success", nil),
			answered(t, status, 500, "error", task),
			decodeAnswer(status, []byte(`{"code":0,"msg":"","taskId":"aeab85c2"}`)),
		} {
			require.Equal(t, Unknown, verdictOf(a, call{paid: true}), "HTTP %d: %+v", status, a)
		}
	}
}

func TestOtherWordsOfCreditsSayNothing(t *testing.T) {
	for _, message := range []string{
		"Generation failed, credits refunded",
		"Audio generation failed. Insufficient data. Your credits have been refunded",
		"Insufficient credits were refunded",
		"No credits were charged",
		"Generation failed, no credits deducted",
		"You will not have any credits deducted",
		"You have 5916 credits left",
		"Balance: 5916, required: 10",
		"Internal error, 50 credits deducted, balance: 0",
		"Generation failed. Balance: 0.5",
		"Server error. Warning: low balance",
		"Server error. Your wallet balance is low",
		"No credits were deducted for this request",
		"insufficient memory, your credits were not touched",
		"Credits deducted",
		"Your balance is 5916.25",
		"You have enough credits",
		"Credits were returned to your account: not enough audio",
		"Task created successfully. Your balance is too low for another one",
		"Success. Please top up soon",
		"Generation failed. Check if your credits are insufficient",
		"This may happen when credits are insufficient, please make sure you have enough credits",
		"Balance of the mix could not be found",
		"insufficient audio length",
		"not enough audio to separate",
		"rate limit exceeded, please top up to raise it",
		"Server Error",
		"success",
		"积分已退还",
		"生成失败，积分不足部分已返还",
		"任务创建成功，余额不足请及时充值",
		"余额充足",
		"参数不足",
		"请检查余额是否不足",
		"如果积分不足请充值",
		"",
	} {
		for _, status := range []int{200, 500} {
			require.Equal(
				t,
				Unknown,
				verdictOf(answered(t, status, 500, message, nil), call{paid: true}),
				"HTTP %d: %q",
				status,
				message,
			)
		}
	}
}

func TestRateLimitInAnyWords(t *testing.T) {
	own := []string{ // of the caller's calls, and nothing else
		"Your call frequency is too high. Please try again later.",
		"API call rate exceeded",
		"Request frequency is too high",
		"Your requests are too frequent",
		"Requesting too fast, please wait",
		"Too frequent requests",
		"请求过于频繁",
		"请求过于频繁，请稍后再试",
		"您的调用频率过高，请稍后再试",
		"调用频率超限",
		"操作太频繁",
		"請求頻率過高",
	}
	general := []string{ // of somebody's
		"Rate limit exceeded",
		"rate_limit_exceeded",
		"RateLimitExceeded",
		"You are being rate limited",
		"Too many requests",
		"TOO_MANY_REQUESTS",
		"Too many concurrent tasks",
		"Request limit reached",
		"Request was throttled",
		"Please slow down",
		"Requests per minute exceeded",
		"Exceeded request limit",
		"Maximum number of concurrent tasks reached",
		"并发数超过限制",
		"当前任务数已达上限",
		"触发限流",
		"请求过多",
		"并发数已达上限",
	}
	for _, message := range slices.Concat(own, general) {
		for _, code := range []int{400, 401, 403, 405, 422, 429, 430, 433} {
			for _, status := range []int{200, 405, 429} {
				a := answered(t, status, code, message, nil)
				require.Equal(t, Busy, verdictOf(a, call{paid: true}), "HTTP %d, code %d: %q", status, code, message)
			}
		}
		edge := decodeAnswer(405, []byte(message))
		require.Equal(t, Busy, verdictOf(edge, call{paid: true}), "not the provider's, and surely refused: %q", message)
		require.Equal(t, Unknown, verdictOf(answered(t, 500, 500, message, nil), call{paid: true}), "HTTP 500: %q", message)
	}
	for _, code := range []int{0, 408, 500, 501} {
		for _, message := range own {
			require.Equal(t, Busy, verdictOf(answered(t, 200, code, message, nil), call{paid: true}), "code %d: %q", code, message)
		}
		for _, message := range general {
			require.Equal(
				t,
				Unknown,
				verdictOf(answered(t, 200, code, message, nil), call{paid: true}),
				"code %d: %q",
				code,
				message,
			)
		}
	}
	for _, message := range []string{
		"The sub-key usage limit has been exceeded.", "The prompt is too long", "不能为空", "Method not allowed",
		"Please enter callBackUrl.", "Rating is not allowed", "Sample rate exceeded", "The track separates too slowly",
	} {
		require.Equal(t, Rejected, verdictOf(answered(t, 200, 405, message, nil), call{paid: true}), message)
	}
}

func TestUnknownTrackMayBeKnownLater(t *testing.T) {
	known := []string{
		"Record does not exist", "The record does not exist", "record doesn’t exist", "RECORD_DOES_NOT_EXIST",
		"Task not found", "The audio id does not exist", "audioId was not found", "recordInfo is null", "No such track",
		"Cannot find the record", "Unable to locate this audio", "No record found",
		"Track could not be found", "Unknown task",
		"记录不存在", "任务不存在", "音频未找到", "未找到该音频", "找不到歌曲",
	}
	for _, message := range known {
		for _, a := range []answer{
			answered(t, 200, 422, message, nil), answered(t, 422, 422, message, nil), answered(t, 200, 400, message,
				nil),
			answered(t, 404, 404, message, nil), decodeAnswer(422, []byte(message)),
			decodeAnswer(422, fmt.Appendf(nil, `{"msg":%q}`, message)),
		} {
			require.Equal(t, NotYet, verdictOf(a, call{paid: true}), "%+v", a)
			require.Equal(t, Rejected, verdictOf(a, call{}), "of a call that is free: %+v", a)
		}
		require.Equal(t, Unknown, verdictOf(answered(t, 200, 500, message, nil), call{paid: true}), "a server error: %q", message)
		require.Equal(t, Unknown, verdictOf(answered(t, 200, 200, message, nil), call{paid: true}), "success: %q", message)
		require.Equal(t, Unauthorized, verdictOf(answered(t, 200, 401, message, nil), call{paid: true}), message)
	}
	for _, message := range []string{
		"Please enter callBackUrl.", "不能为空", "The type is not supported.", "Not Found", "url is wrong",
		"The model does not exist", "WAV record already exists", "",
	} {
		require.Equal(t, Rejected, verdictOf(answered(t, 200, 422, message, nil), call{paid: true}), message)
	}
}

func TestAdviceForAnUnknownTrack(t *testing.T) {
	p := serve(t, reply(200, `{"code":422,"msg":"Record does not exist","data":null}`))
	_, err := newClient(t, Options{BaseURL: p.URL}).Generate(t.Context(), request)
	require.Equal(t, NotYet, VerdictOf(err))
	require.ErrorContains(t, err, "check taskId and audioId, and try again in some minutes")
}

// Whatever an answer says, words alone never make a refusal of one that is not the provider's, that
// reports success, or that names a task.
func FuzzWordsNeverRefuseAnAcceptance(f *testing.F) {
	for _, message := range append([]string{"Rate limit exceeded", "Record does not exist"}, lackingCredits...) {
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message string) {
		task := map[string]any{"taskId": "aeab85c2"}
		require.Equal(t, Unknown, verdictOf(answered(t, 200, 200, message, task), call{paid: true}))
		require.Equal(t, Unknown, verdictOf(answered(t, 200, 500, message, task), call{paid: true}))
		require.Equal(t, Unknown, verdictOf(answered(t, 502, 500, message, task), call{paid: true}))
		require.Contains(t, []Verdict{Unknown, Busy}, verdictOf(answered(t, 200, 200, message, nil), call{paid: true}))
		failed := verdictOf(answered(t, 200, 500, message, nil), call{paid: true})
		require.NotContains(t, []Verdict{Rejected, NotYet, Unauthorized}, failed)
		require.NotEqual(t, Unknown, verdictOf(answered(t, 200, 422, message, nil), call{paid: true}), "a refusal stays one")
	})
}
