resource "aws_cloudwatch_log_group" "caught_retention" {
  name              = "one"
  retention_in_days = 365
}
resource "aws_cloudwatch_log_group" "near_retention" {
  name              = "two"
  retention_in_days = 30
}
resource "aws_cloudwatch_log_group" "near_for_ever" {
  name              = "three"
  retention_in_days = 30
}
resource "aws_cloudwatch_log_group" "caught_key" {
  name       = "four"
  kms_key_id = "arn:aws:kms:eu-central-1:123456789012:key/one"
}
resource "aws_cloudwatch_log_group" "near_key" {
  name       = "five"
  kms_key_id = "arn:aws:kms:eu-central-1:123456789012:key/one"
}
resource "aws_cloudtrail" "caught_trail" {
  name                       = "one"
  s3_bucket_name             = "trail"
  is_multi_region_trail      = true
  enable_log_file_validation = true
}
resource "aws_s3_bucket_versioning" "caught_suspended" {
  bucket = "one"
  versioning_configuration { status = "Enabled" }
}
resource "aws_s3_bucket_versioning" "caught_removed" {
  bucket = "two"
  versioning_configuration { status = "Enabled" }
}
resource "aws_s3_bucket_server_side_encryption_configuration" "caught_weaker" {
  bucket = "three"
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = "arn:aws:kms:eu-central-1:123456789012:key/one"
    }
  }
}
resource "aws_kms_key" "caught_rotation" { enable_key_rotation = true }
resource "aws_kms_key" "near_rotation" { enable_key_rotation = false }
resource "aws_ecr_repository" "caught_tags" {
  name                 = "one"
  image_tag_mutability = "IMMUTABLE"
}
resource "aws_cloudwatch_metric_alarm" "caught_silent" {
  alarm_name          = "one"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  period              = 60
  statistic           = "Maximum"
  threshold           = 1
}
resource "aws_cloudwatch_metric_alarm" "near_of_a_queue_that_goes" {
  alarm_name          = "two"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  period              = 60
  statistic           = "Maximum"
  threshold           = 1
  dimensions          = { QueueName = "goes" }
}
resource "aws_sqs_queue" "goes" { name = "goes" }
resource "aws_cloudwatch_event_rule" "caught_disabled" {
  name          = "one"
  event_pattern = jsonencode({ source = ["aws.ecr"] })
}
resource "aws_cloudwatch_event_rule" "caught_narrower" {
  name          = "two"
  event_pattern = jsonencode({ source = ["aws.codepipeline"], detail = { pipeline = ["payments", "shop"] } })
}
resource "aws_cloudwatch_event_rule" "near_wider" {
  name          = "three"
  event_pattern = jsonencode({ source = ["aws.codepipeline"], detail = { pipeline = ["payments"] } })
}
resource "aws_config_configuration_recorder_status" "caught_recorder" {
  name       = "default"
  is_enabled = true
}
resource "aws_rds_cluster" "caught_protection" {
  cluster_identifier      = "one"
  engine                  = "aurora-postgresql"
  master_username         = "example"
  master_password         = "example-password"
  deletion_protection     = true
  backup_retention_period = 14
  skip_final_snapshot     = false
  final_snapshot_identifier = "last"
}
resource "aws_dynamodb_table" "near_table" {
  name         = "one"
  hash_key     = "id"
  billing_mode = "PAY_PER_REQUEST"
  attribute {
    name = "id"
    type = "S"
  }
  point_in_time_recovery { enabled = false }
}
