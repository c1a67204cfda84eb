using System.Text;
using FlowCut.Models;

namespace FlowCut.Cli.Evaluation;

/// <summary>
/// The answers so far, kept in a file that grows by a line with each, so that a run that is stopped goes on where it was. Without a
/// folder they are kept in memory.
/// </summary>
internal sealed class AnswerLog : IDisposable
{
    private const string AnswersFile = "answers.jsonl", RunFile = "run.json";

    private readonly Dictionary<(string Method, int? Keep, string Settings, string Question), RecordedAnswer> _answers = [];
    private readonly string? _path;
    private readonly FileStream? _file;

    private AnswerLog(string? path, FileStream? file) => (_path, _file) = (path, file);

    /// <summary>Opens the answers of a run, or begins them.</summary>
    /// <param name="folder">Made where it does not exist; null: nothing is written.</param>
    /// <param name="conditions">What answers depend on besides method, its options, budget and question.</param>
    /// <exception cref="InputException">The folder holds answers that were made under other conditions, or a line that is none.</exception>
    /// <exception cref="OutputPathException">The folder cannot be written, or another run writes there.</exception>
    public static AnswerLog Open(string? folder, RunConditions conditions)
    {
        if (folder is null) return new AnswerLog(null, null);
        var path = Path.Combine(folder, AnswersFile);
        FileStream? file = null;
        try
        {
            Directory.CreateDirectory(folder);
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            conditions.CheckOrWrite(Path.Combine(folder, RunFile), begun: file.Length > 0);
            DropTornLine(file);
            var log = new AnswerLog(path, file);
            file.Position = 0;
            using var reader = new StreamReader(file, leaveOpen: true);
            foreach (var line in JsonSource.Lines(path, reader)) log.Remember(RecordedAnswer.Parse(line));
            file.Seek(0, SeekOrigin.End);
            return log;
        }
        catch (Exception e)
        {
            file?.Dispose();
            if (e is IOException or UnauthorizedAccessException) throw new OutputPathException(path, e.Message);
            throw;
        }
    }

    public RecordedAnswer? Find(Contender contender, Question question) => _answers.GetValueOrDefault((contender.Method, contender.Keep, contender.Settings, question.Id));

    /// <summary>It is in the file when this returns.</summary>
    /// <exception cref="OutputFailedException">The disk is full.</exception>
    public void Add(RecordedAnswer answer)
    {
        if (_file is not null)
        {
            OutputFile.Write(_path!, () =>
            {
                _file.Write(Encoding.UTF8.GetBytes(answer.ToLine() + "\n"));
                _file.Flush();
            });
        }

        Remember(answer);
    }

    public void Dispose() => _file?.Dispose();

    private void Remember(RecordedAnswer answer) => _answers[(answer.Method, answer.Keep, answer.Settings, answer.Question)] = answer;

    /// <summary>What stands behind the last line's end is an answer whose writing was interrupted.</summary>
    private static void DropTornLine(FileStream file)
    {
        var end = file.Length;
        while (end > 0)
        {
            file.Position = end - 1;
            if (file.ReadByte() == '\n') break;
            end--;
        }

        file.SetLength(end);
    }
}
