package stemflow

// Search attributes of a run, all of type Keyword. They are optional: a run sets those that its
// namespace knows.
const (
	SearchAttributeTaskID           = "StemflowTaskId"
	SearchAttributeAudioID          = "StemflowAudioId"
	SearchAttributeType             = "StemflowType"
	SearchAttributeSeparationTaskID = "StemflowSeparationTaskId"
	SearchAttributeSettledBy        = "StemflowSettledBy"
	SearchAttributeTitle            = "StemflowTitle"
)

// SearchAttributes are the names of all of them.
func SearchAttributes() []string {
	return []string{
		SearchAttributeTaskID, SearchAttributeAudioID, SearchAttributeType, SearchAttributeSeparationTaskID,
		SearchAttributeSettledBy, SearchAttributeTitle,
	}
}
