package session

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"

	"stemflow/internal/midi"
	"stemflow/internal/naming"
)

// What follows is the part of the DAWproject format, version 1.0, that a session needs. All times
// are in seconds: neither stems nor notes have anything to do with a tempo.

type project struct {
	XMLName     xml.Name    `xml:"Project"`
	Version     string      `xml:"version,attr"`
	Application application `xml:"Application"`
	Transport   *transport  `xml:"Transport"`
	Structure   structure   `xml:"Structure"`
	Arrangement arrangement `xml:"Arrangement"`
}

type application struct {
	Name    string `xml:"name,attr"`
	Version string `xml:"version,attr"`
}

type transport struct {
	Tempo parameter `xml:"Tempo"`
}

type parameter struct {
	Unit  string `xml:"unit,attr"`
	Value number `xml:"value,attr"`
	ID    string `xml:"id,attr"`
}

type structure struct {
	Tracks []track `xml:"Track"`
}

type track struct {
	ContentType string  `xml:"contentType,attr"`
	Loaded      bool    `xml:"loaded,attr"`
	ID          string  `xml:"id,attr"`
	Name        string  `xml:"name,attr"`
	Color       string  `xml:"color,attr,omitempty"`
	Channel     channel `xml:"Channel"`
}

type channel struct {
	AudioChannels int       `xml:"audioChannels,attr"`
	Destination   string    `xml:"destination,attr,omitempty"`
	Role          string    `xml:"role,attr"`
	Solo          bool      `xml:"solo,attr"`
	ID            string    `xml:"id,attr"`
	Pan           parameter `xml:"Pan"`
	Volume        parameter `xml:"Volume"`
}

type arrangement struct {
	ID    string `xml:"id,attr"`
	Lanes lanes  `xml:"Lanes"`
}

type lanes struct {
	TimeUnit string      `xml:"timeUnit,attr"`
	ID       string      `xml:"id,attr"`
	Tracks   []trackLane `xml:"Lanes"`
}

type trackLane struct {
	Track    string `xml:"track,attr"`
	TimeUnit string `xml:"timeUnit,attr"`
	ID       string `xml:"id,attr"`
	Clips    clips  `xml:"Clips"`
}

type clips struct {
	TimeUnit string `xml:"timeUnit,attr"`
	ID       string `xml:"id,attr"`
	Clip     clip   `xml:"Clip"`
}

type clip struct {
	Time            number `xml:"time,attr"`
	Duration        number `xml:"duration,attr"`
	ContentTimeUnit string `xml:"contentTimeUnit,attr"`
	PlayStart       number `xml:"playStart,attr"`
	PlayStop        number `xml:"playStop,attr"`
	Name            string `xml:"name,attr"`
	Color           string `xml:"color,attr"`
	Audio           *clipAudio
	Notes           *notes
}

type clipAudio struct {
	XMLName    xml.Name `xml:"Audio"`
	TimeUnit   string   `xml:"timeUnit,attr"`
	Algorithm  string   `xml:"algorithm,attr"`
	Channels   int      `xml:"channels,attr"`
	Duration   number   `xml:"duration,attr"`
	SampleRate int      `xml:"sampleRate,attr"`
	ID         string   `xml:"id,attr"`
	File       struct {
		Path string `xml:"path,attr"`
	} `xml:"File"`
}

type notes struct {
	XMLName  xml.Name `xml:"Notes"`
	TimeUnit string   `xml:"timeUnit,attr"`
	ID       string   `xml:"id,attr"`
	Notes    []note   `xml:"Note"`
}

type note struct {
	Time     number `xml:"time,attr"`
	Duration number `xml:"duration,attr"`
	Channel  int    `xml:"channel,attr"`
	Key      int    `xml:"key,attr"`
	Velocity number `xml:"vel,attr"`
}

type metaData struct {
	XMLName xml.Name `xml:"MetaData"`
	Title   string   `xml:"Title,omitempty"`
	Artist  string   `xml:"Artist,omitempty"`
	Genre   string   `xml:"Genre,omitempty"`
	Comment string   `xml:"Comment,omitempty"`
}

// number is written with nine decimals at most: a billionth of a second is less than any sample.
type number float64

// MarshalXMLAttr implements xml.MarshalerAttr.
func (n number) MarshalXMLAttr(name xml.Name) (xml.Attr, error) {
	return xml.Attr{Name: name, Value: n.String()}, nil
}

func (n number) String() string {
	return strconv.FormatFloat(math.Round(float64(n)*1e9)/1e9, 'f', -1, 64)
}

const (
	projectFile  = "project.xml"
	metaDataFile = "metadata.xml"
	seconds      = "seconds"
)

// The clip of notes on a track of their own, since workstations have audio or notes on a track.
type noteTrack struct {
	stem, name string
	notes      []midi.Played
	percussion bool
}

// writeProject writes the two descriptions of a DAWproject.
func (s Session) writeProject(out *packer, parts []part, open Open) error {
	heard, err := s.readNotes(parts, open)
	if err != nil {
		return err
	}
	err = out.text(projectFile, func(w io.Writer) error { return writeXML(w, s.project(parts, heard)) })
	if err != nil {
		return err
	}
	return out.text(metaDataFile, func(w io.Writer) error { return writeXML(w, s.metaData()) })
}

func writeXML(w io.Writer, document any) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	return encoder.Encode(document)
}

func (s Session) metaData() metaData {
	data := metaData{Title: printable(s.Manifest.Source.Title())}
	if music := s.Manifest.Source.Music; music != nil {
		data.Artist, data.Genre = printable(music.Artist), printable(music.Tags)
	}
	data.Comment = fmt.Sprintf("Stems of %s/%s, separation %s, by stemflow",
		s.Manifest.Source.TaskID, s.Manifest.Source.AudioID, s.Manifest.SeparationTaskID)
	return data
}

// readNotes are the notes of all transcriptions, by what was heard.
func (s Session) readNotes(parts []part, open Open) (heard []noteTrack, err error) {
	ofStem := map[string]bool{}
	entries := s.midi()
	for _, entry := range entries {
		ofStem[entry.Stem] = true
	}
	for i, entry := range entries {
		score, err := readScore(parts[len(s.Stems)+i], open)
		if err != nil {
			return nil, err
		}
		for _, instrument := range score.Instruments {
			t := noteTrack{stem: entry.Stem, name: printable(instrument.Name)}
			if entry.Stem == "" {
				// The stem that was transcribed by itself has more of it.
				if t.stem = s.stemOf(instrument.Name); t.stem != "" && ofStem[t.stem] {
					continue
				}
			}
			t.percussion = midi.IsPercussion(instrument.Name)
			for _, n := range instrument.Notes {
				if p, ok := n.Played(); ok {
					t.notes = append(t.notes, p)
				}
			}
			if len(t.notes) > 0 {
				heard = append(heard, t)
			}
		}
	}
	return heard, nil
}

func readScore(part part, open Open) (midi.Score, error) {
	in, err := open(part.Key)
	if err != nil {
		return midi.Score{}, err
	}
	defer in.Close()
	score, err := midi.ReadJSON(in)
	if err != nil {
		return score, damaged(part.File, "has no notes that can be read: "+err.Error())
	}
	return score, nil
}

// stemOf is the stem of an instrument that the provider names as it names the stem, or empty.
func (s Session) stemOf(instrument string) string {
	slug := naming.Slug(instrument)
	for _, stem := range s.Stems {
		if stem.Name == slug {
			return stem.Name
		}
	}
	return ""
}

// project has the stems in their order, and beside each what was heard in it.
func (s Session) project(parts []part, heard []noteTrack) project {
	b := projectBuilder{}
	for _, part := range parts[:len(s.Stems)] {
		b.longest = max(b.longest, (part.signal.Duration - part.skip).Seconds())
	}
	for _, t := range heard {
		for _, n := range t.notes {
			b.longest = max(b.longest, n.Start+n.Duration)
		}
	}
	for _, part := range parts[:len(s.Stems)] {
		display := displayName(part.Stem.Name, s.Manifest)
		b.addAudio(display, part)
		for _, t := range heard {
			if t.stem == part.Stem.Name {
				b.addNotes(noteName(display, t.name), colorOf(t.stem), t)
			}
		}
	}
	for _, t := range heard {
		if t.stem == "" {
			b.addNotes(noteName(t.name, t.name), colorOf(naming.Slug(t.name)), t)
		}
	}
	b.tracks = append(b.tracks, track{
		ContentType: "audio", Loaded: true, ID: "master", Name: "Master",
		Channel: newChannel("master", "", "master", usualChannels),
	})
	p := project{
		Version:     "1.0",
		Application: application{Name: "stemflow", Version: s.Release},
		Structure:   structure{Tracks: b.tracks},
		Arrangement: arrangement{
			ID:    "arrangement",
			Lanes: lanes{TimeUnit: seconds, ID: "lanes", Tracks: b.lanes},
		},
	}
	if tempo, known := tempoOf(s.Manifest); known {
		p.Transport = &transport{parameter{Unit: "bpm", Value: number(tempo), ID: "tempo"}}
	}
	return p
}

// noteName is the name of the track with notes of an instrument, beside the stem that it is in.
func noteName(stem, instrument string) string {
	if stem == "" {
		return "MIDI"
	}
	if instrument == "" || naming.Slug(instrument) == naming.Slug(stem) && naming.Slug(stem) != "" {
		return stem + " MIDI"
	}
	if stem == instrument {
		return instrument + " MIDI"
	}
	return stem + " MIDI: " + instrument
}

// projectBuilder makes tracks, with their ids.
type projectBuilder struct {
	tracks []track
	lanes  []trackLane
	// longest is how long a clip of notes is.
	longest float64
}

func (b *projectBuilder) addAudio(name string, p part) {
	id := b.add("audio", name, colorOf(p.Stem.Name), p.signal.Channels)
	duration, skip := p.signal.Duration.Seconds(), p.skip.Seconds()
	audio := &clipAudio{
		TimeUnit: seconds, Algorithm: "raw", Channels: p.signal.Channels, Duration: number(duration),
		SampleRate: p.signal.SampleRate, ID: "audio-" + id,
	}
	audio.File.Path = p.Name
	b.addClip(id, clip{
		Duration: number(duration - skip), PlayStart: number(skip), PlayStop: number(duration),
		Name: name, Color: colorOf(p.Stem.Name), Audio: audio,
	})
}

func (b *projectBuilder) addNotes(name, color string, t noteTrack) {
	id := b.add("notes", name, color, usualChannels)
	content := &notes{TimeUnit: seconds, ID: "notes-" + id}
	const percussionChannel = 9
	for _, n := range t.notes {
		written := note{
			Time: number(n.Start), Duration: number(n.Duration), Key: int(n.Pitch),
			Velocity: number(float64(n.Velocity) / 127),
		}
		if t.percussion {
			written.Channel = percussionChannel
		}
		content.Notes = append(content.Notes, written)
	}
	b.addClip(id, clip{
		Duration: number(b.longest), PlayStop: number(b.longest), Name: name, Color: color, Notes: content,
	})
}

func (b *projectBuilder) add(contentType, name, color string, channels int) (id string) {
	id = strconv.Itoa(len(b.tracks) + 1)
	b.tracks = append(b.tracks, track{
		ContentType: contentType, Loaded: true, ID: "track-" + id, Name: name, Color: color,
		Channel: newChannel(id, channelID("master"), "regular", channels),
	})
	return id
}

// addClip adds the one clip of a track, at zero.
func (b *projectBuilder) addClip(id string, c clip) {
	c.ContentTimeUnit = seconds
	b.lanes = append(b.lanes, trackLane{
		Track: "track-" + id, TimeUnit: seconds, ID: "lanes-" + id,
		Clips: clips{TimeUnit: seconds, ID: "clips-" + id, Clip: c},
	})
}

func channelID(id string) string { return "channel-" + id }

func newChannel(id, destination, role string, channels int) channel {
	return channel{
		AudioChannels: channels, Destination: destination, Role: role, ID: channelID(id),
		Pan:    parameter{Unit: "normalized", Value: 0.5, ID: "pan-" + id},
		Volume: parameter{Unit: "linear", Value: 1, ID: "volume-" + id},
	}
}
