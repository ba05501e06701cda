package kie

import (
	"regexp"
	"strings"
)

// The provider's refusals share codes, and the same refusal comes under several of them: a lack of
// credits as 402, 429 and 500, a rate limit as 405, 429 and 430. What the message says then
// decides. Messages are English or Chinese, in words that change, so these patterns go for what is
// said and not for one text.

// lackOfCredits says that the account cannot pay.
var lackOfCredits = oneOf(
	// "insufficient account balance", INSUFFICIENT_CREDITS, insufficientFunds
	`\binsufficient ?`+whose+`(?:credits?|balance|funds?|points|quota)\b`,
	// "you do not have enough credits", "not enough balance"
	`(?:\bnot|n't) (?:\w+ ){0,3}?(?:enough|sufficient|adequate) `+whose+`(?:credits?|balance|funds|points|quota)\b`,
	`\binsufficient (?:number|amount) of `+whose+`credits\b`,
	// "you don't have the required credits", "... any credits left", but not "... any credits
	// deducted"
	`(?:\bnot|n't) have the (?:required|necessary|needed) `+whose+`(?:credits?|balance|funds)\b`,
	`(?:\bnot|n't) have any `+whose+`(?:credits?|balance|funds)`+none,
	`\b(?:has|have) (?:no|0|zero) (?:more )?`+whose+`(?:credits?|balance|funds)`+none,
	`(?:^|:) ?no (?:more )?`+whose+`(?:credits?|funds) ?$`,
	`\b(?:used|spent)(?: up)? all (?:of )?`+whose+`credits\b`,
	`\b(?:0|zero|negative) `+whose+`balance\b`, `\bin arrears\b`,
	// A balance by itself may be what is left after the task was paid for.
	`\bbalance ?[:=] ?-?0(?:\.0+)?,? (?:but )?(?:required?|requires|needed|needs)\b`,
	`\b(?:credits?|balance|funds)(?: \W?\d+\W?)? (?:is|are) (?:less|lower|smaller) than\b`,
	`\b(?:out of|lack of|lacks?|lacking|short of|too few) `+whose+`(?:credits?|balance|funds)\b`,
	`\bno (?:more )?(?:credits?|balance|funds) (?:left|remaining|available)\b`,
	`\bno (?:available|remaining) (?:credits?|balance|funds)\b`,
	`\b(?:zero|negative) (?:credits?|balance)\b`,
	// "your credit balance is too low", "credits insufficient", "balance isn't enough", "funds have
	// run out"
	`\b(?:credits?|balance|funds)(?: (?:of|in|on) (?:your|the) (?:account|wallet))? ?:? ?`+
		`(?:(?:is|are|was|were|has|have|been|currently|already|now) )*`+
		`(?:insufficient|inadequate|(?:not|(?:is|are|was|were)n't) (?:enough|sufficient|adequate)|`+
		`too low|exhausted|depleted|used up|run out|`+
		`ran out|empty|zero|negative|below (?:the )?(?:required|minimum)|do(?:es)? not suffice|`+
		`(?:cannot|can't|do(?:es)? not|do(?:es)?n't) cover)\b`,
	`\bexceed(?:s|ed)? `+whose+`(?:credits?|balance|funds)\b`,
	`\b(?:requires?|needs?) (?:at least )?\d+(?:\.\d+)? (?:more )?credits?\b.*\b(?:only|but)\b`,
	`\bpayment required\b`,
	`(?:积分|積分|余额|餘額|额度|額度|点数|點數|资金|資金|算力|信用点|信用额)\s*(?:已经|已經|已|严重|嚴重|当前|目前)?\s*`+
		`(?:不足|不够|不夠|不充足|用完|用尽|用盡|耗尽|耗盡|为零|為零|为0|過低|过低|太低)`,
	`(?:没有|沒有|无|無)(?:足够|足夠|可用|剩余|剩餘)的?(?:积分|積分|余额|餘額|额度|額度|点数|點數)`,
	`欠费|欠費`,
)

// callToPay asks for money, which says the same as a lack of it unless the message speaks of
// something else.
var callToPay = oneOf(
	`\b(?:please|kindly|must|need to|have to) (?:top ?up|recharge|refill)\b`,
	`\b(?:please|kindly|must|need to|have to) (?:add|buy|purchase) (?:more )?(?:credits?|funds)\b`,
	`\b(?:top ?up|recharge|refill) (?:your |the )?(?:account|balance|credits?|wallet)\b`,
	`\b(?:top ?up|recharge) (?:required|needed|to continue|first)\b`,
	`请\s*(?:您|先|及时|尽快|立即|前往|去)*\s*(?:充值|续费)`,
	`請\s*(?:您|先|及時|盡快|立即|前往|去)*\s*(?:充值|儲值|續費)`,
	`充值后|充值後`,
)

const (
	whose = `(?:(?:your|the|my|any|account|user|wallet|credit|token|remaining|available|current|prepaid|api) )*`
	none  = `(?: (?:left|remaining|available|in your)\b| ?$)`
)

var (
	// doubt before a statement makes it a guess of what may be wrong: "check if your balance is
	// insufficient".
	doubt = oneOf(`\b(?:if|whether|unless|may|might|in case|ensure|make sure)\b`, `如|若|是否|可能|确保|確保|避免`)
	// taken says that there was a task: something succeeded, or its price was given back.
	taken = oneOf(
		`\bsuccess(?:ful|fully)?\b`, `\brefund(?:s|ed|ing)?\b`,
		`\bcredits? (?:(?:have|has|been|were|was|are|will|be) )*(?:returned|restored|given back)\b`,
		`退还|退還|返还|返還|退回|退款`, `(?:^|[^未不没沒有])成功`,
	)
)

// callsTooOften says that the caller calls too often, in words that speak of nothing but the call
// at hand.
var callsTooOften = oneOf(
	`\b(?:calls?|calling|requests?|access|operation) (?:frequency|rate) (?:is )?(?:too high|too fast|exceed|limited)`,
	`\b(?:calls?|requests?|calling|requesting|operations?) (?:(?:is|are) )?too (?:frequent|often|fast|quickly)`,
	`\btoo frequent(?:ly)? (?:calls?|requests?|operations?)\b`,
	`(?:调用|調用|请求|請求|访问|訪問|操作|接口)的?(?:频率|頻率|频次|頻次)`,
	`(?:调用|調用|请求|請求|访问|訪問|操作|提交)(?:得|的)?(?:过于|過於|太过|太過|太|过|過)?(?:频繁|頻繁|快)`,
)

// limitsRate says that there is too much of something: of the caller's requests, or of what the
// provider itself does elsewhere.
var limitsRate = oneOf(
	`\brate ?limit(?:s|ed|ing)?(?: ?exceeded)?\b`,
	`\btoo many (?:\w+ ){0,2}(?:requests?|calls?|tasks|jobs)\b`,
	`\btoomanyrequests\b`,
	`\b(?:requests?|calls?) per (?:second|minute|hour|day)\b`,
	`(?:^|\b(?:requests?|calls?|api) )rate exceeded\b`,
	`\bexceed(?:s|ed|ing)? (?:the |your |our )?(?:maximum )?(?:requests?|calls?|concurrency|qps|rpm|rate) limit\b`,
	`\bconcurren(?:t|cy) (?:\w+ ){0,2}(?:reached|exceeded)\b`,
	`\b(?:requests?|calls?|concurrency|qps|rpm) limit (?:(?:is|was|has been) )?(?:exceeded|reached)\b`,
	`\bthrottl(?:ed|ing)\b`,
	`\bslow down\b`,
	`限流|限频|限頻|(?:速率|频率|頻率|并发数?|並發數?)(?:受限|限制|超限|已?达|已?達|过高|過高)`,
	`(?:请求|請求|调用|調用|任务|任務|并发|並發)[数數量]*(?:过|過|太)多`,
	`(?:请求|請求|调用|調用|任务|任務|并发|並發)[数數量]+(?:已|超)?(?:达|達|到|过|過|出)`,
)

// noSuchTrack says that the provider does not know what is to be separated.
var noSuchTrack = oneOf(
	aTrack+`(?: ?id| ?info)? (?:(?:do|does|did) not|(?:do|does|did)n't) exist\b`,
	aTrack+`(?: ?id| ?info)? (?:(?:is|was) )?(?:not found|not exists?|null)\b`,
	`\bno such `+aTrack+`\b`,
	aTrack+`(?: ?id| ?info)? (?:can(?:not|'t)|could(?: not|n't)) be (?:found|located)\b`,
	`(?:\bcan ?not|\bcan't|\bcould(?: not|n't)|\bunable to|\bfailed to) (?:find|locate) `+
		`(?:(?:the|this|that|any|such|a|an|your) )*`+aTrack,
	`\bno `+aTrack+`(?: ?id| ?info)? (?:(?:was|were|is) )?found\b`,
	`\bunknown `+aTrack,
	chineseTrack+`\s*(?:id)?\s*(?:不存在|未找到|找不到)`,
	`(?:不存在|未找到|没有找到|沒有找到|找不到|查无|查無)(?:该|該|此|这|這|对应的|對應的|相关的|相關的|任何|首|条|條)*\s*`+chineseTrack,
)

const (
	aTrack       = `\b(?:record|task|audio|music|track|song|clip)`
	chineseTrack = `(?:记录|記錄|任务|任務|音频|音頻|音乐|音樂|歌曲)`
)

func oneOf(patterns ...string) *regexp.Regexp { return regexp.MustCompile(strings.Join(patterns, "|")) }

// plain brings a message into the form that the patterns are written for.
func plain(message string) string {
	message = strings.NewReplacer("’", "'", "_", " ", "-", " ").Replace(strings.ToLower(message))
	return strings.Join(strings.Fields(message), " ")
}

// lacksCredits reports whether a plain message says that the account cannot pay, and nothing that
// sounds as if a task had been made.
func lacksCredits(message string) bool {
	switch {
	case taken.MatchString(message):
		return false
	case asserts(message, lackOfCredits):
		return true
	default:
		return asserts(message, callToPay) && !callsTooOften.MatchString(message) && !limitsRate.MatchString(message)
	}
}

// asserts reports whether a sentence of the message says it as a fact.
func asserts(message string, what *regexp.Regexp) bool {
	ends := func(r rune) bool { return strings.ContainsRune(".;!?。；！？", r) }
	for _, sentence := range strings.FieldsFunc(message, ends) {
		if at := what.FindStringIndex(sentence); at != nil && !doubt.MatchString(sentence[:at[0]]) {
			return true
		}
	}
	return false
}
